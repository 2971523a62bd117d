/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compressed files, read unit by unit. */
#ifndef CORE_NTFS_COMPRESSED_H
#define CORE_NTFS_COMPRESSED_H

#include <stdint.h>
#include "core/base/errors.h"

struct ntfs;
struct ntfs_attr;

/* The unit that was read last, unpacked. */
struct ntfs_unit {
    uint32_t size;
    uint64_t number; /* UINT64_MAX: none */
    uint8_t *bytes, *packed;
};

/* Checks the units' size and takes the buffers for one. */
MUST_CHECK enum err ntfs_compressed_open(struct ntfs *vol, const struct ntfs_attr *data,
                                         struct ntfs_unit *unit, struct fail *f);

/* Reads [off, off + len), which lies inside the data. */
MUST_CHECK enum err ntfs_compressed_read(struct ntfs *vol, const struct ntfs_attr *data,
                                         struct ntfs_unit *unit, uint64_t off, void *buf,
                                         uint32_t len, struct fail *f);

#endif
