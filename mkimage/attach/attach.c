/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server answers before the kernel is told: it looks for partitions at once. */
#include "attach/attach.h"
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include "attach/daemon.h"
#include "attach/netlink.h"
#include "core/base/blk.h"
#include "serve/serve.h"

#define CONNECTIONS  4 /* more than that do not make one disk faster */
#define KEEP_SECONDS 5

struct pairs {
    int ours[SERVER_LINES_MAX], kernels[SERVER_LINES_MAX];
    unsigned count;
};

static unsigned connections(const struct attach_options *options)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned n = options->connections ? options->connections
                 : processors < 1     ? 1
                                      : (unsigned)processors;
    unsigned most = options->connections ? SERVER_LINES_MAX : CONNECTIONS;
    return n < most ? n : most;
}

static void close_all(const int *fd, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        close(fd[i]);
}

static int pairs_open(struct pairs *p, unsigned count, struct fail *f)
{
    for (p->count = 0; p->count < count; p->count++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
            int error = errno;
            close_all(p->ours, p->count);
            close_all(p->kernels, p->count);
            (void)fail(f, ERR_MEMORY, "no more sockets can be opened", 0);
            return error;
        }
        p->ours[p->count] = pair[0];
        p->kernels[p->count] = pair[1];
    }
    return 0;
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
static int hand_over(struct attach *a, const struct pairs *p, const struct attach_options *options,
                     struct fail *f)
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
    a->index = options->index;
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
    struct pairs p;
    *a = (struct attach){.disk = disk, .name = "nbd"};
    int error = pairs_open(&p, connections(options), f);
    if (error)
        return error;
    error = server_open(&a->server, disk, p.ours, p.count, f);
    if (!error) {
        a->server.tell = tell;
        a->server.ctx = a;
        error = serve_keep(disk, KEEP_SECONDS, f);
        if (!error)
            error = server_start(&a->server, f);
        if (!error)
            error = hand_over(a, &p, options, f);
        if (error)
            server_close(&a->server);
    }
    close_all(p.kernels, p.count); /* the kernel has its own hold on them */
    if (!error)
        snprintf(a->name, sizeof a->name, "nbd%d", a->index);
    return error;
}

int attach_wait(struct attach *a, struct fail *f)
{
    (void)server_wait(&a->server);
    server_close(&a->server);
    int error = serve_close(a->disk, f);
    a->disk = NULL;
    return error;
}
