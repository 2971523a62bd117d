/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has worked on the device has flushed it: what it owes is the engine's to keep then. */
#include "inside/served.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "attach/devices.h"
#include "attach/netlink.h"
#include "core/part/part.h"
#include "host/device.h"
#include "inside/loop.h"
#include "serve/serve.h"

/* As the user would; those that are part of the kernel are there anyway. */
static void load_modules(void)
{
    extern char **environ;
    static char program[] = "modprobe", quiet[] = "-qa", nbd[] = "nbd", fuse[] = "fuse",
                loop[] = "loop";
    char *const arguments[] = {program, quiet, nbd, fuse, loop, NULL};
    pid_t pid;
    if (!posix_spawnp(&pid, program, NULL, NULL, arguments, environ))
        (void)waitpid(pid, NULL, 0);
}

static bool kernel_has_nbd(void)
{
    struct netlink n;
    bool has = !netlink_open(&n);
    if (has)
        netlink_close(&n);
    return has;
}

/* The partitions that the kernel has not found itself: one may be built without partition tables.
 */
static void add_partitions(const struct served *s)
{
    static struct part_table table;
    struct device device = {
        .path = s->device, .fd = s->fd, .size = serve_size(s->disk), .sector_size = SECTOR_SIZE};
    struct blk blk;
    struct fail ignored;
    device_blk(&blk, &device);
    if (s->fd < 0 || part_read(&table, &blk, &ignored))
        return;
    for (unsigned i = 0; i < table.count; i++) {
        struct blkpg_partition one = {.start = (long long)table.part[i].start_lba << SECTOR_SHIFT,
                                      .length = (long long)table.part[i].sectors << SECTOR_SHIFT,
                                      .pno = (int)table.part[i].number};
        struct blkpg_ioctl_arg add = {
            .op = BLKPG_ADD_PARTITION, .datalen = sizeof one, .data = &one};
        (void)ioctl(s->fd, BLKPG, &add); /* EBUSY: it is there */
    }
}

static enum status nbd_start(struct served *s)
{
    static char backend[DEVICES_TEXT_MAX];
    struct fail f;
    devices_backend(backend, serve_writable(s->disk) ? "persistent" : "none", "", s->name);
    struct attach_options options = {.index = -1, .backend = backend};
    if (attach_start(&s->nbd, s->disk, &options, &f))
        return say_fail_advice(&f, "The kernel's log may say more: dmesg.");
    char path[32];
    snprintf(s->device, sizeof s->device, "nbd%d", s->nbd.index);
    snprintf(path, sizeof path, "/dev/%s", s->device);
    s->by_nbd = true;
    (void)devices_scan(s->nbd.index);
    s->fd = open(path, O_RDONLY | O_CLOEXEC);
    return STATUS_OK;
}

static enum status loop_start(struct served *s)
{
    int error = fuse_start(&s->file, s->disk);
    if (error)
        return say_error("Run it on a computer whose kernel has one of them, or install "
                         "vhdboot-guest inside the system.",
                         "this kernel offers neither NBD nor FUSE to make a block device of the "
                         "image: %s",
                         strerror(error));
    int number = loop_open(s->file.fd, !serve_writable(s->disk), &s->fd);
    error = errno;
    fuse_leave(&s->file);
    if (number < 0) {
        fuse_end(&s->file);
        return say_error("Is there a free one? losetup -a lists those in use.",
                         "no loop device can be had: %s", strerror(error));
    }
    snprintf(s->device, sizeof s->device, "loop%d", number);
    return STATUS_OK;
}

enum status served_start(struct served *s, struct serve *disk, const char *name)
{
    *s = (struct served){.disk = disk, .name = name, .fd = -1};
    load_modules();
    enum status status = kernel_has_nbd() ? nbd_start(s) : loop_start(s);
    if (!status)
        add_partitions(s);
    return status;
}

static int nbd_end(struct served *s, struct fail *f)
{
    struct netlink n;
    int error = netlink_open(&n);
    if (!error) {
        error = netlink_disconnect(&n, s->nbd.index);
        netlink_close(&n);
    }
    if (error)
        server_close(&s->nbd.server);
    return attach_wait(&s->nbd, f);
}

void served_leave(struct served *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

enum status served_end(struct served *s, enum status status)
{
    struct fail f;
    int error;
    served_leave(s);
    if (s->by_nbd) {
        error = nbd_end(s, &f);
    } else {
        fuse_end(&s->file);
        error = serve_close(s->disk, &f);
    }
    s->disk = NULL;
    return error && !status ? say_fail(&f) : status;
}
