/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes a fresh NTFS volume inside a device, with all its free space in one run. */
#ifndef MKIMAGE_NTFS_MKFS_H
#define MKIMAGE_NTFS_MKFS_H

#include <stdint.h>
#include "cli/say.h"
#include "host/device.h"

#define MKFS_CLUSTER 4096u
#define MKFS_LEAST   ((uint64_t)19 << 20) /* what mkntfs lays out so that it can be packed */

/* Bytes that a volume of `size` bytes needs for itself, at most. */
uint64_t mkfs_overhead(uint64_t size);

/* Formats [start, start + size) of the device with mkntfs. */
enum status mkfs_volume(struct device *device, uint64_t start, uint64_t size, const char *label);

#endif
