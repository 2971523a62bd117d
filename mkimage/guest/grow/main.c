/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vhdboot-grow, which is `vhdboot-attach grow`: more room for new blocks in the image that this
 * system runs from, by the same changes in the same order as `mkimage reserve`. A program by
 * itself, since it can write NTFS and an initramfs needs none of that.
 *
 * The disk's server ends for each step of it and comes back with what is new, so that there is one
 * writer at any time; meanwhile the root waits. So from before the first step to after the last one
 * nothing may be needed that lies on the root: all code is in memory, what is said is kept there,
 * and no file is opened. Cut off or killed at any moment, the image is as after a step, or as
 * before.
 */
#include "guest/found.h" /* before sys/mman.h, which has names of its own */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "attach/daemon.h"
#include "cli/bytes.h"
#include "cli/program.h"
#include "cli/say.h"
#include "core/part/part.h"
#include "flash/edit.h"
#include "flash/enlarge.h"
#include "guest/control.h"
#include "guest/left.h"
#include "guest/stick.h"
#include "host/fd.h"
#include "host/lock.h"

#define STEP ((uint64_t)64 << 20) /* what a slow stick writes in the time that a root can wait */

static const char usage[] =
    "vhdboot-attach grow SIZE [--dry-run] [--memory FILE] [--drive FILE]\n"
    "        room for so much new data in the image that this system was started from, besides "
    "what\n"
    "        it has: bytes, or with K, M, G. The disk waits a few seconds at a time.\n";

struct grow {
    const char *memory, *drive;
    uint64_t size;
    bool dry_run;
    struct found found;
    struct stick stick;
    unsigned partition;
    int fd;        /* the drive, for writing */
    bool attached; /* its server has to give way */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

/* --- The drive as a device */

static bool drive_read(void *ctx, void *buf, size_t size, uint64_t off)
{
    return fd_pread(*(const int *)ctx, buf, size, off);
}

static bool drive_write(void *ctx, const void *buf, size_t size, uint64_t off)
{
    return fd_pwrite(*(const int *)ctx, buf, size, off);
}

static bool drive_zero(void *ctx, uint64_t off, uint64_t size)
{
    static const uint8_t zeros[1 << 16];
    for (uint64_t done = 0; done < size;) { /* ends: done grows */
        size_t n = size - done < sizeof zeros ? (size_t)(size - done) : sizeof zeros;
        if (!fd_pwrite(*(const int *)ctx, zeros, n, off + done))
            return false;
        done += n;
    }
    return true;
}

static bool drive_sync(void *ctx)
{
    return !fsync(*(const int *)ctx);
}

static const struct device_io drive_io = {
    .pread = drive_read, .pwrite = drive_write, .zero = drive_zero, .sync = drive_sync};

/* --- What is there */

static enum status find_image(struct grow *g)
{
    static struct part_table parts;
    const struct boottable *t = &g->found.table;
    struct fail f;
    if (found_look(&g->found, g->memory ? g->memory : "/dev/mem", &f))
        return say_fail(&f);
    if (g->found.in == FOUND_NOTHING)
        return say_error("Use mkimage reserve.", "this system was not started by vhdboot");
    if (t->write != WRITE_PERSISTENT || t->ram || t->write_protected)
        return say_error("Start it with write = persistent.",
                         "%s: what is written is not kept in it", t->file[0].path);
    if (stick_find(&g->stick, &t->file[0].volume, g->drive, &f))
        return say_fail(&f);
    if (part_read(&parts, &g->stick.blk, &f)) {
        (void)fail_subject(&f, g->stick.path);
        return say_fail(&f);
    }
    const struct part *part = part_at(&parts, g->stick.start_lba);
    g->partition = part ? part->number : 0;
    g->fd = open(g->stick.path, O_RDWR | O_CLOEXEC);
    if (g->fd < 0)
        return say_error("Run this as root.", "%s: cannot be written: %s", g->stick.path,
                         strerror(errno));
    g->attached = !g->memory && left_index() >= 0;
    return g->attached ? STATUS_OK : lock_hold(g->fd, g->stick.path, LOCK_WRITER);
}

/* --- A step */

static enum status enlarge_once(struct grow *g, uint64_t size, bool dry_run, uint64_t *added)
{
    static struct edit e;
    struct device drive = g->stick.device;
    struct enlarge how = {.size = size, .dry_run = dry_run, .trust_note = true};
    drive.fd = -1;
    drive.io = &drive_io;
    drive.ctx = &g->fd;
    enum status status = edit_open_disk(&e, g->stick.path, &drive, g->partition);
    if (status)
        return status;
    status = enlarge_in_volume(&e, g->found.table.file[0].path, &how);
    edit_close(&e);
    *added = how.added;
    if (fsync(g->fd) && !status)
        status = say_error("Look at the drive.", "%s: %s", g->stick.path, strerror(errno));
    return status;
}

/* What was said, from memory to where it goes: a file, or a terminal. */
static void say_kept(int kept)
{
    char text[4096];
    off_t at = 0;
    for (ssize_t n; (n = pread(kept, text, sizeof text, at)) > 0; at += n) /* ends: with the text */
        (void)!write(STDERR_FILENO, text, (size_t)n);
}

/* With the server gone; what is said comes out when it is back, of a rehearsal only what fails. */
static enum status step(struct grow *g, uint64_t size, bool dry_run, uint64_t *added)
{
    int kept = memfd_create("said", MFD_CLOEXEC), errors = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (kept < 0 || errors < 0)
        return say_no_memory();
    int connection = g->attached ? control_ask() : -1;
    if (g->attached && connection < 0) {
        close(kept);
        close(errors);
        return say_error("The kernel's log may say more: dmesg.",
                         "the disk's keeper does not give way: %s", strerror(errno));
    }
    (void)dup2(kept, STDERR_FILENO);
    enum status status = enlarge_once(g, size, dry_run, added);
    (void)dup2(errors, STDERR_FILENO);
    if (connection >= 0)
        close(connection);
    if (status || !dry_run || g->dry_run)
        say_kept(kept);
    close(kept);
    close(errors);
    return status;
}

static enum status all_steps(struct grow *g)
{
    uint64_t left = g->size, added = 1;
    enum status status = step(g, left, true, &added);
    if (g->dry_run)
        return status;
    added = 1;
    while (!status && left && added && !interrupted) { /* ends: left shrinks */
        uint64_t size = left < STEP ? left : STEP;
        status = step(g, size, false, &added);
        left -= size;
    }
    if (!status && interrupted)
        status = say_error("Run it again for the rest.", "interrupted between two steps");
    return status;
}

static enum status parse(struct grow *g, int count, char **word)
{
    for (int i = 0; i < count; i++) {
        if (!strcmp(word[i], "--dry-run"))
            g->dry_run = true;
        else if (!strcmp(word[i], "--memory") && i + 1 < count)
            g->memory = word[++i];
        else if (!strcmp(word[i], "--drive") && i + 1 < count)
            g->drive = word[++i];
        else if (g->size || !bytes_parse(word[i], &g->size) || !g->size)
            return say_usage("grow %s: is not understood", word[i]);
    }
    return g->size ? STATUS_OK : say_usage("grow needs a SIZE");
}

int main(int argc, char **argv)
{
    static struct grow g = {.fd = -1};
    fd_hold_streams();
    program_set_name("vhdboot-attach");
    if (argc == 2 && !strcmp(argv[1], "--help")) {
        fputs(usage, stdout);
        return STATUS_OK;
    }
    enum status status = parse(&g, argc - 1, argv + 1);
    if (!status)
        status = find_image(&g);
    if (status)
        return status;
    if (g.attached)
        daemon_settle();
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    status = all_steps(&g);
    stick_close(&g.stick);
    close(g.fd);
    return status;
}
