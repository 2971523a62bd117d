/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is this disk in use? Says what uses it, in a sentence, before anything is written to it. */
#ifndef MKIMAGE_HOST_BUSY_H
#define MKIMAGE_HOST_BUSY_H

#include <stdbool.h>
#include <sys/stat.h>
#include "cli/say.h"

struct stat;

/*
 * STATUS_OK where nothing on this host uses the file or block device: not mounted (it, a partition
 * of it, what lies on it), no swap, no device-mapper or RAID on top, no loop device over the file,
 * and not the disk that holds the running system.
 */
enum status busy_check(const char *path);

/* Is this block device a part of another one, as its partition table has it? */
bool busy_is_partition(const struct stat *device);

#endif
