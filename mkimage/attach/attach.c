/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server answers before the kernel is told: it looks for partitions at once. */
#include "attach/attach.h"
#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "attach/daemon.h"
#include "attach/netlink.h"
#include "core/base/blk.h"
#include "serve/serve.h"

#define CONNECTIONS  4 /* more than that do not make one disk faster */
#define KEEP_SECONDS 5

static unsigned connections(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return processors < 1 ? 1 : processors < CONNECTIONS ? (unsigned)processors : CONNECTIONS;
}

static void close_all(int *fd, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (fd[i] >= 0)
            close(fd[i]);
        fd[i] = -1;
    }
}

void attach_sockets_handed(struct attach_sockets *p)
{
    close_all(p->kernels, p->count);
}

void attach_sockets_close(struct attach_sockets *p)
{
    attach_sockets_handed(p);
    close_all(p->ours, p->count);
    close_all(&p->rest, 1);
    p->count = 0;
}

int attach_sockets_open(struct attach_sockets *p, struct fail *f)
{
    *p = (struct attach_sockets){.rest = eventfd(0, EFD_CLOEXEC)};
    bool ok = p->rest >= 0;
    for (unsigned i = connections(); ok && i; i--) {
        int pair[2];
        ok = !socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
        if (ok) {
            p->ours[p->count] = pair[0];
            p->kernels[p->count++] = pair[1];
        }
    }
    if (ok)
        return 0;
    int error = errno;
    attach_sockets_close(p);
    (void)fail(f, ERR_MEMORY, "no more sockets can be opened", 0);
    return error;
}

static int connect_failed(int error, struct fail *f)
{
    const char *sentence = error == ENOENT  ? "this kernel has no NBD client (its module is nbd)"
                           : error == EPERM ? "only root may attach a disk"
                           : error == EBUSY ? "the device is in use"
                                            : "the kernel does not take the disk: error %u";
    (void)fail(f, ERR_UNSUPPORTED, sentence, (uint64_t)error);
    return error;
}

/* Hands the sockets to the kernel. */
static int hand_over(struct attach *a, const struct attach_sockets *p,
                     const struct attach_options *options, struct fail *f)
{
    struct netlink n;
    struct netlink_device device = {.index = options->index,
                                    .fd = p->kernels,
                                    .fds = p->count,
                                    .size = serve_size(a->disk),
                                    .flags = server_flags(a->disk),
                                    .sector_size = SECTOR_SIZE,
                                    .dead_seconds = options->dead_seconds,
                                    .backend = options->backend};
    int error = netlink_open(&n);
    if (error)
        return connect_failed(error, f);
    error = options->again ? netlink_again(&n, &device) : netlink_connect(&n, &device, &a->index);
    netlink_close(&n);
    return error ? connect_failed(error, f) : 0;
}

static void tell(void *ctx, const char *sentence)
{
    const struct attach *a = ctx;
    daemon_log(a->name, sentence);
}

int attach_start(struct attach *a, struct serve *disk, const struct attach_options *options,
                 struct fail *f)
{
    struct attach_sockets p;
    int error = 0;
    *a = (struct attach){.disk = disk, .name = "nbd", .index = options->index};
    if (options->sockets)
        p = *options->sockets;
    else
        error = attach_sockets_open(&p, f);
    if (error)
        return error;
    error = server_open(&a->server, disk, p.ours, p.count, f);
    if (!error) {
        a->server.tell = tell;
        a->server.ctx = a;
        a->server.rest = p.rest;
        error = serve_keep(disk, KEEP_SECONDS, f);
        if (!error)
            error = server_start(&a->server, f);
        if (!error && !options->goes_on)
            error = hand_over(a, &p, options, f);
        if (error)
            server_close(&a->server);
    }
    attach_sockets_handed(&p);
    if (!error)
        snprintf(a->name, sizeof a->name, "nbd%d", a->index);
    return error;
}

int attach_wait(struct attach *a, struct fail *f)
{
    (void)server_wait(&a->server);
    server_close(&a->server);
    close(a->server.rest);
    int error = serve_close(a->disk, f);
    a->disk = NULL;
    return error;
}
