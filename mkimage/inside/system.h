/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Linux on a disk: which partition its root is, and the rest of its files as its fstab says.
 * For a process with a mount namespace of its own: what is mounted here goes with it.
 */
#ifndef MKIMAGE_INSIDE_SYSTEM_H
#define MKIMAGE_INSIDE_SYSTEM_H

#include <stdbool.h>
#include "cli/say.h"
#include "inside/parts.h"

struct system {
    const char *image; /* for messages */
    bool read_only;
    struct parts parts;
    const struct partition *part; /* of the root */
    const char *subvolume;        /* mount options that lead to it; "" */
    char name[128];               /* "Debian GNU/Linux 12 (bookworm)" */
    int root;                     /* its folder, mounted */
};

/* Finds the root, the partition `number` where that is not 0, and mounts it with /usr, /boot and
 * /var, where those are partitions of the disk. `folder` is an empty one. Nothing is written to a
 * file system before all were found and looked at. */
enum status system_mount(struct system *s, unsigned number, const char *folder);

/* Is everything that was written on the disk? Unmounts all. */
enum status system_unmount(struct system *s, enum status status);

#endif
