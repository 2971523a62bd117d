/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A request that fits into the buffer is done as a whole before it is answered. A longer one goes
 * in pieces; a read that fails after its first piece was sent cannot be answered any more: the
 * socket is closed, and the client asks again by another one.
 */
#include "attach/server.h"
#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "attach/wire.h"
#include "serve/serve.h"

/* The kernel asks for 1280 KiB at a time, where nobody told it otherwise. */
#define BUFFER ((size_t)4 << 20)
#define STACK  ((size_t)256 << 10)

struct request {
    unsigned type, flags;
    uint64_t offset;
    uint32_t length;
    be64 cookie;
};

/* --- The socket */

static bool receive(int fd, void *to, size_t size)
{
    for (size_t done = 0; done < size;) { /* ends: recv gives something, or the client went away */
        ssize_t n = recv(fd, (uint8_t *)to + done, size - done, MSG_WAITALL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static bool give(int fd, const void *from, size_t size, int more)
{
    for (size_t done = 0; done < size;) { /* ends: send takes something, or fails */
        ssize_t n = send(fd, (const uint8_t *)from + done, size - done, MSG_NOSIGNAL | more);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

/* Waits for a request; false: the line has to rest. */
static bool request_waited(struct server_line *line)
{
    struct pollfd wait[] = {{.fd = line->fd, .events = POLLIN},
                            {.fd = line->server->rest, .events = POLLIN}};
    while (poll(wait, 2, -1) < 0 && errno == EINTR) /* ends: with anything else */
        ;
    line->rests = wait[1].revents & POLLIN;
    return !line->rests;
}

static bool request_next(struct server_line *line, struct request *r)
{
    struct wire_request wire;
    if (!request_waited(line) || !receive(line->fd, &wire, sizeof wire) ||
        be32_get(wire.magic) != WIRE_REQUEST_MAGIC)
        return false;
    *r = (struct request){.type = be16_get(wire.type),
                          .flags = be16_get(wire.flags),
                          .offset = be64_get(wire.offset),
                          .length = be32_get(wire.length),
                          .cookie = wire.cookie};
    return true;
}

/* The errno that the protocol has for it. */
static uint32_t wire_error(int error)
{
    switch (error) {
    case 0:
    case EPERM:
    case EIO:
    case ENOMEM:
    case EINVAL:
    case ENOSPC:
        return (uint32_t)error;
    case EROFS:
        return EPERM;
    case EFBIG:
    case EDQUOT:
        return ENOSPC;
    default:
        return EIO;
    }
}

static bool reply(const struct server_line *line, const struct request *r, int error, int more)
{
    struct wire_reply wire = {be32_make(WIRE_REPLY_MAGIC), be32_make(wire_error(error)), r->cookie};
    return give(line->fd, &wire, sizeof wire, more);
}

static int told(const struct server *s, int error, const struct fail *f)
{
    char sentence[512];
    if (error && s->tell) {
        errors_format(f, sentence, sizeof sentence);
        s->tell(s->ctx, sentence);
    }
    return error;
}

/* --- Requests */

static size_t piece(uint32_t left)
{
    return left < BUFFER ? left : BUFFER;
}

static bool do_read(struct server_line *line, const struct request *r)
{
    struct fail f;
    size_t n = piece(r->length);
    int error =
        told(line->server, serve_read(line->server->disk, line->buffer, n, r->offset, &f), &f);
    if (error)
        return reply(line, r, error, 0);
    if (!reply(line, r, 0, n ? MSG_MORE : 0))
        return false;
    for (uint32_t done = 0; done < r->length;) { /* ends: done grows by n > 0 */
        if (done && told(line->server,
                         serve_read(line->server->disk, line->buffer, n, r->offset + done, &f), &f))
            return false;
        if (!give(line->fd, line->buffer, n, 0))
            return false;
        done += (uint32_t)n;
        n = piece(r->length - done);
    }
    return true;
}

static int finish(struct server_line *line, const struct request *r, int error, struct fail *f)
{
    if (!error && r->flags & WIRE_FUA)
        error = serve_flush(line->server->disk, f);
    return told(line->server, error, f);
}

/* All data are taken from the socket, whatever becomes of them. */
static bool do_write(struct server_line *line, const struct request *r)
{
    struct fail f;
    int error = 0;
    for (uint32_t done = 0; done < r->length;) { /* ends: done grows by n > 0 */
        size_t n = piece(r->length - done);
        if (!receive(line->fd, line->buffer, n))
            return false;
        if (!error)
            error = serve_write(line->server->disk, line->buffer, n, r->offset + done, &f);
        done += (uint32_t)n;
    }
    return reply(line, r, finish(line, r, error, &f), 0);
}

static bool do_other(struct server_line *line, const struct request *r)
{
    struct serve *disk = line->server->disk;
    struct fail f;
    int error;
    switch (r->type) {
    case WIRE_FLUSH:
        error = serve_flush(disk, &f);
        break;
    case WIRE_TRIM:
        error = serve_trim(disk, r->length, r->offset, &f);
        break;
    case WIRE_WRITE_ZEROES:
        error = serve_zero(disk, r->length, r->offset, !(r->flags & WIRE_NO_HOLE), &f);
        break;
    default:
        (void)fail(&f, ERR_UNSUPPORTED, "NBD request %u is of an unknown kind", r->type);
        error = EINVAL;
    }
    return reply(line, r, finish(line, r, error, &f), 0);
}

static void *line_run(void *ctx)
{
    struct server_line *line = ctx;
    struct request r;
    bool goes_on = true;
    while (goes_on && request_next(line, &r)) { /* ends: with the socket */
        if (r.type == WIRE_DISCONNECT) {
            line->ended_well = true;
            break;
        }
        goes_on = r.type == WIRE_READ    ? do_read(line, &r)
                  : r.type == WIRE_WRITE ? do_write(line, &r)
                                         : do_other(line, &r);
    }
    if (!line->rests)
        shutdown(line->fd, SHUT_RDWR);
    return NULL;
}

/* --- The interface */

uint64_t server_flags(const struct serve *disk)
{
    if (!serve_writable(disk))
        return WIRE_HAS_FLAGS | WIRE_READ_ONLY | WIRE_CAN_MULTI_CONN;
    return WIRE_HAS_FLAGS | WIRE_CAN_FLUSH | WIRE_CAN_FUA | WIRE_CAN_TRIM | WIRE_CAN_WRITE_ZEROES |
           WIRE_CAN_MULTI_CONN;
}

int server_open(struct server *s, struct serve *disk, const int *fd, unsigned fds, struct fail *f)
{
    *s = (struct server){.disk = disk, .rest = -1};
    bool ok = fds && fds <= SERVER_LINES_MAX;
    for (unsigned i = 0; i < fds; i++) {
        if (!ok) {
            close(fd[i]);
            continue;
        }
        struct server_line *line = &s->line[s->lines++];
        void *buffer = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        ok = buffer != MAP_FAILED;
        *line = (struct server_line){.server = s, .fd = fd[i], .buffer = ok ? buffer : NULL};
    }
    if (ok)
        return 0;
    server_close(s);
    (void)fail(f, ERR_MEMORY, "out of memory", 0);
    return ENOMEM;
}

int server_start(struct server *s, struct fail *f)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    int error = 0;
    for (unsigned i = 0; !error && i < s->lines; i++) {
        error = pthread_create(&s->line[i].thread, &attributes, line_run, &s->line[i]);
        s->line[i].started = !error;
    }
    pthread_attr_destroy(&attributes);
    if (error)
        (void)fail(f, ERR_MEMORY, "no more threads can be started", 0);
    return error;
}

bool server_wait(struct server *s)
{
    bool well = true;
    for (unsigned i = 0; i < s->lines; i++) {
        if (!s->line[i].started)
            continue;
        pthread_join(s->line[i].thread, NULL);
        s->line[i].started = false;
        well &= s->line[i].ended_well;
    }
    return well;
}

bool server_rests(const struct server *s)
{
    bool all = s->lines;
    for (unsigned i = 0; i < s->lines; i++)
        all &= s->line[i].rests;
    return all;
}

void server_close(struct server *s)
{
    for (unsigned i = 0; i < s->lines; i++) {
        if (!s->line[i].rests)
            shutdown(s->line[i].fd, SHUT_RDWR);
    }
    (void)server_wait(s);
    for (unsigned i = 0; i < s->lines; i++) {
        close(s->line[i].fd);
        if (s->line[i].buffer)
            munmap(s->line[i].buffer, BUFFER);
    }
    s->lines = 0;
}
