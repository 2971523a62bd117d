/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one way to a volume's sectors. Every metadata read counts against a limit, so that no volume
 * can keep the machine reading for ever.
 */
#ifndef CORE_NTFS_SECTORS_H
#define CORE_NTFS_SECTORS_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/base/errors.h"
#include "core/ntfs/ntfs.h"
#include "core/ntfs/runlist.h"

/* Metadata that mounting, or resolving one path, may ask for: 64 MiB. Listing a folder: 1 GiB, some
 * ten million names. */
#define NTFS_READ_LIMIT (64u << 20 >> SECTOR_SHIFT)
#define NTFS_LIST_LIMIT (1024u << 20 >> SECTOR_SHIFT)

struct ntfs_sectors {
    struct blk_cache cache;
    uint32_t read_limit; /* sectors that the operation at hand may ask for */
    uint32_t read_left;  /* of them, those that are left, whether the cache has them or not */
    bool limited;        /* does read_left count? */
};

/* Starts counting: metadata reads of more than `sectors` from now on fail with ERR_LIMIT. */
void ntfs_limit_reads(struct ntfs *vol, uint32_t sectors);

/* Stops counting: file contents may be as long as they are. */
void ntfs_unlimit_reads(struct ntfs *vol);

/* Reads 512-byte sectors [lba, lba + count) of the volume. */
MUST_CHECK enum err ntfs_sectors_read(struct ntfs *vol, uint64_t lba, uint32_t count, void *buf,
                                      struct fail *f);

/* What runlists may say on this volume. */
struct ntfs_run_limits ntfs_run_limits(const struct ntfs *vol);

/* Log2 of bytes a cluster. */
static inline unsigned ntfs_cluster_bytes_shift(const struct ntfs *vol)
{
    return vol->cluster_shift + SECTOR_SHIFT;
}

#endif
