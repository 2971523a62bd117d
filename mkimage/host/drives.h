/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which drives a block device, or the file system of a file, lies on: partitions, loop devices,
 * device mapper and RAID followed to what is below them. Only reads what the kernel tells.
 */
#ifndef MKIMAGE_HOST_DRIVES_H
#define MKIMAGE_HOST_DRIVES_H

#include <stdbool.h>
#include <sys/stat.h>

/* Would writing to the block device `st` write to a drive that `fd`, a file or a block device, lies
 * on? */
bool drives_shared(const struct stat *st, int fd);

/* What is behind a loop device: a file's device and inode, `rdev` where it is a block device.
 * False where the kernel does not say. */
struct drives_backing {
    dev_t dev, rdev;
    ino_t ino;
};
bool drives_loop(const char *name, struct drives_backing *backing);

#endif
