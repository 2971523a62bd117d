/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lies on a block device: its partitions, and the file systems on them. Only reads. */
#ifndef MKIMAGE_INSIDE_PARTS_H
#define MKIMAGE_INSIDE_PARTS_H

#include <stdbool.h>
#include "cli/say.h"

#define PARTS_MAX 32

struct partition {
    unsigned number;                       /* 0: the whole device, which has no partitions */
    char device[32];                       /* "/dev/loop3p1" */
    char type[32], uuid[64], partuuid[64]; /* as libblkid names them; "" */
    char label[64];
    bool has_errors; /* ext: the kernel has met damage on it */
    bool was_in_use; /* ext: its journal has to be replayed */
};

struct parts {
    unsigned count;
    struct partition part[PARTS_MAX];
};

/*
 * Looks at all partitions of the device ("loop3"). Replaces /dev, for this process's mount
 * namespace, by one with these devices and no other drive: whoever looks there for something to
 * write a boot loader to must not find this computer's disks.
 */
enum status parts_find(struct parts *p, const char *device);

/* The one that a line of fstab, or root= of a kernel, means by its first word; NULL: none. */
const struct partition *parts_named(const struct parts *p, const char *word);

#endif
