/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An open file of the volume: what struct file's ctx points to. */
#ifndef CORE_NTFS_FILE_H
#define CORE_NTFS_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/file.h"
#include "core/ntfs/attr.h"

struct ntfs;

struct ntfs_file {
    struct ntfs *vol;
    struct ntfs_attr data;
    bool system; /* one of the file system's own: may lie where no other file may */

    /* Compressed files: one unit, unpacked. */
    uint32_t unit_size;
    uint64_t unit_number; /* UINT64_MAX: none */
    uint8_t *unit, *packed;
};

/* Reads a compressed file, unit by unit. Same contract as struct file's read. */
MUST_CHECK enum err ntfs_compressed_read(struct ntfs_file *nf, uint64_t off, void *buf,
                                         uint32_t len, struct fail *f);

/* Checks the unit's size and takes the buffers for it. */
MUST_CHECK enum err ntfs_compressed_open(struct ntfs_file *nf, struct fail *f);

/* struct file's extents. */
MUST_CHECK enum err ntfs_file_extents(struct file *file, struct extent_list *list, struct arena *a,
                                      struct fail *f);

#endif
