/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the reader keeps of a mounted volume, and the one way to its sectors. Every metadata read
 * counts against a limit, so that no volume can keep the machine reading for ever.
 */
#ifndef CORE_NTFS_SECTORS_H
#define CORE_NTFS_SECTORS_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/blk.h"
#include "core/base/errors.h"
#include "core/ntfs/ntfs.h"
#include "core/ntfs/attr.h"
#include "core/ntfs/upcase.h"

/* Metadata that mounting, or resolving one path, may ask for: 64 MiB. Listing a folder: 1 GiB, some
 * ten million names. */
#define NTFS_READ_LIMIT       (64u << 20 >> SECTOR_SHIFT)
#define NTFS_LIST_LIMIT       (1024u << 20 >> SECTOR_SHIFT)

/* The read cache: 32 lines of 8 KiB, so that neighbouring MFT records cost one read. */
#define NTFS_CACHE_LINE_SHIFT 4
#define NTFS_CACHE_LINES      32

struct ntfs_state {
    struct blk_cache cache;
    uint32_t read_limit;   /* sectors that the operation at hand may ask for */
    uint32_t read_left;    /* of them, those that are left, whether the cache has them or not */
    bool limited;          /* does read_left count? */
    unsigned record_shift; /* log2 of bytes an MFT record */
    uint64_t mft_lcn, mirror_lcn;
    bool mft_ready;            /* all of $MFT's runs are known */
    struct ntfs_attr mft;      /* $MFT's $DATA */
    uint8_t *extension;        /* buffer of the extension record read last */
    uint64_t extension_number; /* which; UINT64_MAX: none */
    struct ntfs_upcase upcase;
};

/* Starts counting: metadata reads of more than `sectors` from now on fail with ERR_LIMIT. */
void ntfs_limit_reads(struct ntfs *vol, uint32_t sectors);

/* Stops counting: file contents may be as long as they are. */
void ntfs_unlimit_reads(struct ntfs *vol);

/* Reads 512-byte sectors [lba, lba + count) of the volume. */
MUST_CHECK enum err ntfs_volume_read(struct ntfs *vol, uint64_t lba, uint32_t count, void *buf,
                                     struct fail *f);

/* What runlists may say on this volume. */
struct ntfs_run_limits ntfs_run_limits(const struct ntfs *vol);

/* Log2 of bytes a cluster. */
static inline unsigned ntfs_cluster_bytes_shift(const struct ntfs *vol)
{
    return vol->cluster_shift + SECTOR_SHIFT;
}

#endif
