/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The boot sector of an NTFS volume, checked; other file systems named as what they are. */
#ifndef CORE_NTFS_BOOT_H
#define CORE_NTFS_BOOT_H

#include <stdint.h>
#include "core/base/errors.h"

struct ntfs_boot {
    uint16_t sector_size;
    unsigned cluster_shift; /* log2 of 512-byte sectors a cluster */
    uint64_t sectors;       /* of 512 bytes, in the volume */
    uint64_t clusters;
    uint64_t mft_lcn, mirror_lcn; /* not checked against `clusters` */
    uint32_t record_size;
    uint32_t index_size;
    uint64_t serial;
};

/* Decodes the first 512 bytes of a volume. ERR_NOT_NTFS, ERR_BITLOCKER, ERR_UNSUPPORTED,
 * ERR_CORRUPT. */
MUST_CHECK enum err ntfs_boot_decode(const uint8_t sector[512], struct ntfs_boot *boot,
                                     struct fail *f);

#endif
