/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By sysfs, mountinfo and the loop devices' own answers. What cannot be found out is left out. */
#include "host/drives.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* A block device, or a file behind a loop device, on the way down. */
struct place {
    dev_t dev;
    ino_t ino;    /* 0: the block device `dev` */
    bool partial; /* a part of it only: a partition, or the device mapper, lies above */
};

#define PLACES_MAX 128
struct places {
    struct place place[PLACES_MAX];
    unsigned count;
};

static void add(struct places *p, dev_t dev, ino_t ino, bool partial)
{
    for (unsigned i = 0; i < p->count; i++) {
        if (p->place[i].dev == dev && p->place[i].ino == ino) {
            p->place[i].partial &= partial;
            return;
        }
    }
    if (p->count < PLACES_MAX)
        p->place[p->count++] = (struct place){dev, ino, partial};
}

/* Adds the device whose number stands in a file of sysfs. */
static void add_from(struct places *p, const char *path, bool partial)
{
    unsigned a, b;
    FILE *file = fopen(path, "re");
    if (file && fscanf(file, "%u:%u", &a, &b) == 2)
        add(p, makedev(a, b), 0, partial);
    if (file)
        fclose(file);
}

bool drives_loop(const char *name, struct drives_backing *backing)
{
    char path[PATH_MAX];
    struct loop_info64 info;
    if (snprintf(path, sizeof path, "/dev/%s", name) >= (int)sizeof path)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool ok = fd >= 0 && !ioctl(fd, LOOP_GET_STATUS64, &info);
    if (fd >= 0)
        close(fd);
    if (ok)
        *backing = (struct drives_backing){info.lo_device, info.lo_rdevice, info.lo_inode};
    return ok;
}

/* The block device of a file system without one number of its own (Btrfs), as its mount names it.
 */
static void add_mounted(struct places *p, int fd)
{
    struct statx sx;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &sx) || !(sx.stx_mask & STATX_MNT_ID))
        return;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    char line[3 * PATH_MAX], source[PATH_MAX];
    while (file && fgets(line, sizeof line, file)) {
        unsigned long long id;
        const char *dash = strstr(line, " - ");
        struct stat st;
        if (dash && sscanf(line, "%llu", &id) == 1 && id == sx.stx_mnt_id &&
            sscanf(dash, " - %*s %4095s", source) == 1 && !stat(source, &st) && S_ISBLK(st.st_mode))
            add(p, st.st_rdev, 0, false);
    }
    if (file)
        fclose(file);
}

/* What lies directly below a block device; `through`: of a loop device over a file, also the drive
 * that this file is on. */
static void add_below(struct places *p, struct place above, bool through)
{
    char folder[64], path[PATH_MAX], real[PATH_MAX];
    snprintf(folder, sizeof folder, "/sys/dev/block/%u:%u", major(above.dev), minor(above.dev));
    if (!realpath(folder, real))
        return;
    snprintf(path, sizeof path, "%s/partition", folder);
    if (!access(path, F_OK) && snprintf(path, sizeof path, "%s/../dev", real) < (int)sizeof path)
        add_from(p, path, true);

    struct drives_backing backing;
    const char *name = strrchr(real, '/') + 1;
    if (!strncmp(name, "loop", 4) && drives_loop(name, &backing)) {
        if (backing.rdev)
            add(p, backing.rdev, 0, above.partial);
        else
            add(p, backing.dev, backing.ino, above.partial);
        if (!backing.rdev && through)
            add(p, backing.dev, 0, above.partial);
    }

    snprintf(path, sizeof path, "%s/slaves", folder);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (e->d_name[0] != '.' &&
            snprintf(path, sizeof path, "%s/slaves/%s/dev", folder, e->d_name) < (int)sizeof path)
            add_from(p, path, true);
    }
    if (dir)
        closedir(dir);
}

static void follow(struct places *p, bool through)
{
    for (unsigned i = 0; i < p->count; i++) { /* ends: a place is added once */
        if (!p->place[i].ino)
            add_below(p, p->place[i], through);
    }
}

bool drives_shared(const struct stat *st, int fd)
{
    struct places ours = {.count = 0}, theirs = {.count = 0};
    struct stat source;
    if (fstat(fd, &source))
        return false;
    add(&ours, st->st_rdev, 0, false);
    follow(&ours, false);
    if (S_ISBLK(source.st_mode)) {
        add(&theirs, source.st_rdev, 0, false);
    } else {
        add(&theirs, source.st_dev, source.st_ino, false);
        add(&theirs, source.st_dev, 0, false);
        if (!major(source.st_dev))
            add_mounted(&theirs, fd);
    }
    follow(&theirs, true);
    for (unsigned i = 0; i < ours.count; i++) {
        for (unsigned k = 0; k < theirs.count; k++) {
            const struct place *a = &ours.place[i], *b = &theirs.place[k];
            /* Two parts of one drive, other than by the same device, do not overlap. */
            if (a->dev == b->dev && a->ino == b->ino && !(a->partial && b->partial))
                return true;
        }
    }
    return false;
}
