/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a block device is, for somebody who has to know it again before it is overwritten: by what
 * the kernel shows in sysfs, and what libblkid finds on it. Only reads; what is not known is left
 * out.
 */
#ifndef MKIMAGE_HOST_DRIVE_INFO_H
#define MKIMAGE_HOST_DRIVE_INFO_H

#include <stdbool.h>
#include <stdint.h>

#define DRIVE_PARTS_MAX 16

struct drive_part {
    unsigned number; /* 0: a file system on the whole device */
    uint64_t size;   /* bytes */
    char type[32];   /* "ntfs", "ext4", "" */
    char label[64];
};

struct drive_info {
    char model[128], serial[128];
    char bus[16];   /* "USB", "NVMe", "loop" … */
    bool is_drive;  /* a piece of hardware, not a loop or network device */
    bool removable; /* its medium is, or all of it: USB, a memory card */
    uint64_t size;
    unsigned part_count; /* may exceed DRIVE_PARTS_MAX: only so many are kept */
    struct drive_part part[DRIVE_PARTS_MAX];
};

/* Looks at the block device; false where it cannot be opened. */
bool drive_info_read(struct drive_info *info, const char *path);

/* "partition 1 is vfat, STICK; partition 2 is ext4" in a static buffer; "" where nothing is known.
 */
const char *drive_info_found(const struct drive_info *info);

/* Says all of it, a line of news each. */
void drive_info_say(const struct drive_info *info, const char *path);

#endif
