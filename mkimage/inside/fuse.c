/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's protocol itself (linux/fuse.h): a file system whose root is one file takes so few of
 * its requests that a library would be larger. It is mounted nowhere, only opened.
 */
#include "inside/fuse.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include "serve/serve.h"

#define DATA_MAX ((size_t)1 << 20)
#define PAGES    (DATA_MAX / 4096)
#define HEAD     (sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in))
#define BUFFER   (DATA_MAX + 4096)
#define MINOR    31u /* of the protocol: what is used here is in it */
#define STACK    ((size_t)256 << 10)

_Static_assert(HEAD <= 4096, "a request fits");

struct request {
    struct fuse_thread *t;
    const struct fuse_in_header *head;
    const void *body;
    size_t body_size;
};

/* Answers; the kernel takes an answer whole, or not at all: when the request was given up. */
static void answer(const struct request *r, int error, const void *data, size_t size)
{
    struct fuse_out_header head = {
        .len = (uint32_t)(sizeof head + size), .error = -error, .unique = r->head->unique};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)(uintptr_t)data, size}};
    (void)!writev(r->t->owner->device, parts, size ? 2 : 1);
}

static void do_init(const struct request *r)
{
    const struct fuse_init_in *in = r->body;
    struct fuse_init_out out = {
        .major = FUSE_KERNEL_VERSION,
        .minor = in->minor < MINOR ? in->minor : MINOR,
        .max_readahead = in->max_readahead,
        .flags = in->flags & (FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_MAX_PAGES),
        .max_background = 16,
        .congestion_threshold = 12,
        .max_write = DATA_MAX,
        .time_gran = 1,
        .max_pages = PAGES,
    };
    answer(r, 0, &out, sizeof out);
}

static void do_attributes(const struct request *r)
{
    uint64_t size = serve_size(r->t->owner->disk);
    struct fuse_attr_out out = {.attr_valid = UINT32_MAX,
                                .attr = {.ino = FUSE_ROOT_ID,
                                         .size = size,
                                         .blocks = size >> 9,
                                         .mode = S_IFREG | 0600,
                                         .nlink = 1,
                                         .blksize = 4096}};
    answer(r, 0, &out, sizeof out);
}

static void do_read(const struct request *r)
{
    const struct fuse_read_in *in = r->body;
    struct serve *disk = r->t->owner->disk;
    uint64_t size = serve_size(disk), off = in->offset < size ? in->offset : size;
    size_t left = size - off < DATA_MAX ? (size_t)(size - off) : DATA_MAX;
    size_t n = in->size < left ? in->size : left;
    struct fail f;
    /* The request lies in the buffer that its data go to. */
    struct fuse_in_header head = *r->head;
    struct request own = {.t = r->t, .head = &head};
    int error = n ? serve_read(disk, r->t->buffer, n, off, &f) : 0;
    answer(&own, error, r->t->buffer, error ? 0 : n);
}

static void do_write(const struct request *r)
{
    const struct fuse_write_in *in = r->body;
    const uint8_t *data = (const uint8_t *)r->body + sizeof *in;
    struct serve *disk = r->t->owner->disk;
    struct fail f;
    struct fuse_write_out out = {.size = in->size};
    uint64_t size = serve_size(disk);
    if (in->size != r->body_size - sizeof *in || in->offset > size || in->size > size - in->offset)
        answer(r, EINVAL, NULL, 0);
    else
        answer(r, serve_write(disk, data, in->size, in->offset, &f), &out, sizeof out);
}

static void do_hole(const struct request *r)
{
    const struct fuse_fallocate_in *in = r->body;
    struct serve *disk = r->t->owner->disk;
    struct fail f;
    uint64_t size = serve_size(disk);
    if (!(in->mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)))
        answer(r, EOPNOTSUPP, NULL, 0);
    else if (in->offset > size || in->length > size - in->offset)
        answer(r, EINVAL, NULL, 0);
    else
        answer(r,
               serve_zero(disk, in->length, in->offset, (in->mode & FALLOC_FL_PUNCH_HOLE) != 0, &f),
               NULL, 0);
}

static void do_flush(const struct request *r)
{
    struct fail f;
    answer(r, serve_flush(r->t->owner->disk, &f), NULL, 0);
}

static void do_open(const struct request *r)
{
    struct fuse_open_out out = {.open_flags = FOPEN_KEEP_CACHE};
    answer(r, 0, &out, sizeof out);
}

static void do_nothing(const struct request *r)
{
    answer(r, 0, NULL, 0);
}

static void no_answer(const struct request *r)
{
    (void)r;
}

/* FUSE_FLUSH is not among them, and so is asked for once: at the end of a process that was killed
 * the kernel would wait for an answer that nobody gives any more. */
static const struct {
    uint32_t opcode;
    size_t size; /* of its body, at the least */
    void (*run)(const struct request *r);
} operations[] = {
    {FUSE_READ, sizeof(struct fuse_read_in), do_read},
    {FUSE_WRITE, sizeof(struct fuse_write_in), do_write},
    {FUSE_FSYNC, 0, do_flush},
    {FUSE_FALLOCATE, sizeof(struct fuse_fallocate_in), do_hole},
    {FUSE_GETATTR, 0, do_attributes},
    {FUSE_SETATTR, 0, do_attributes}, /* times of change */
    {FUSE_OPEN, 0, do_open},
    {FUSE_INIT, 16, do_init}, /* what older kernels send of it */
    {FUSE_RELEASE, 0, do_nothing},
    {FUSE_DESTROY, 0, do_nothing},
    {FUSE_FORGET, 0, no_answer},
    {FUSE_BATCH_FORGET, 0, no_answer},
    {FUSE_INTERRUPT, 0, no_answer},
};

static void serve_request(struct fuse_thread *t, size_t size)
{
    const struct fuse_in_header *head = (const void *)t->buffer;
    if (size < sizeof *head || head->len != size)
        return;
    struct request r = {
        .t = t, .head = head, .body = t->buffer + sizeof *head, .body_size = size - sizeof *head};
    for (unsigned i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (operations[i].opcode == head->opcode && r.body_size >= operations[i].size) {
            operations[i].run(&r);
            return;
        }
    }
    answer(&r, ENOSYS, NULL, 0);
}

static void *thread_run(void *ctx)
{
    struct fuse_thread *t = ctx;
    struct pollfd wait[] = {{.fd = t->owner->device, .events = POLLIN},
                            {.fd = t->owner->quit, .events = POLLIN}};
    for (;;) { /* ends: when it is told to, or the kernel has closed the file system */
        if (poll(wait, 2, -1) < 0 && errno != EINTR)
            break;
        if (wait[1].revents)
            break;
        ssize_t n = read(t->owner->device, t->buffer, BUFFER);
        if (n > 0)
            serve_request(t, (size_t)n);
        else if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENOENT)
            break;
    }
    return NULL;
}

static int threads_start(struct fuse_file *f)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    int error = 0;
    for (unsigned i = 0; !error && i < FUSE_THREADS; i++) {
        struct fuse_thread *t = &f->thread[i];
        t->owner = f;
        t->buffer = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        error = t->buffer == MAP_FAILED ? ENOMEM
                                        : pthread_create(&t->thread, &attributes, thread_run, t);
        t->started = !error;
    }
    pthread_attr_destroy(&attributes);
    return error;
}

/* The root of a new file system, not mounted anywhere; -1 with errno set. */
static int root_make(int device)
{
    char number[16];
    int context = fsopen("fuse", FSOPEN_CLOEXEC), root = -1;
    snprintf(number, sizeof number, "%d", device);
    if (context >= 0 && !fsconfig(context, FSCONFIG_SET_STRING, "source", "vhdboot", 0) &&
        !fsconfig(context, FSCONFIG_SET_STRING, "fd", number, 0) &&
        !fsconfig(context, FSCONFIG_SET_STRING, "rootmode", "100600", 0) &&
        !fsconfig(context, FSCONFIG_SET_STRING, "user_id", "0", 0) &&
        !fsconfig(context, FSCONFIG_SET_STRING, "group_id", "0", 0) &&
        !fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
        root = fsmount(context, FSMOUNT_CLOEXEC,
                       MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    int error = errno;
    if (context >= 0)
        close(context);
    errno = error;
    return root;
}

/* Opening waits for the threads' answers; and they need a file system that is there. */
static int file_open(struct fuse_file *f)
{
    char path[48];
    int root = root_make(f->device);
    int error = root < 0 ? errno : threads_start(f);
    if (!error) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", root);
        f->fd = open(path, O_RDWR | O_CLOEXEC);
        error = f->fd < 0 ? errno : 0;
    }
    if (root >= 0)
        close(root);
    return error;
}

int fuse_start(struct fuse_file *f, struct serve *disk)
{
    *f = (struct fuse_file){.disk = disk, .quit = -1, .fd = -1};
    f->device = open("/dev/fuse", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    f->quit = f->device < 0 ? -1 : eventfd(0, EFD_CLOEXEC);
    int error = f->quit < 0 ? errno : file_open(f);
    if (error)
        fuse_end(f);
    return error;
}

void fuse_leave(struct fuse_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

void fuse_end(struct fuse_file *f)
{
    uint64_t one = 1;
    fuse_leave(f);
    if (f->quit >= 0)
        (void)!write(f->quit, &one, sizeof one);
    for (unsigned i = 0; i < FUSE_THREADS; i++) {
        struct fuse_thread *t = &f->thread[i];
        if (t->started)
            pthread_join(t->thread, NULL);
        if (t->buffer && t->buffer != MAP_FAILED)
            munmap(t->buffer, BUFFER);
        t->buffer = NULL;
        t->started = 0;
    }
    if (f->quit >= 0)
        close(f->quit);
    if (f->device >= 0)
        close(f->device);
    f->quit = f->device = -1;
}
