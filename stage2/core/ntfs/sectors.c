/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every read of a volume comes by here: its range is checked, and it is counted. */
#include "core/ntfs/sectors.h"
#include "core/base/bounds.h"

void ntfs_limit_reads(struct ntfs *vol, uint32_t sectors)
{
    vol->sectors->read_limit = sectors;
    vol->sectors->read_left = sectors;
    vol->sectors->limited = true;
}

void ntfs_unlimit_reads(struct ntfs *vol)
{
    vol->sectors->limited = false;
}

enum err ntfs_sectors_read(struct ntfs *vol, uint64_t lba, uint32_t count, void *buf,
                           struct fail *f)
{
    if (!range_ok(lba, count, vol->clusters << vol->cluster_shift))
        return fail(f, ERR_CORRUPT, "sector %u is beyond the end of the volume", lba);
    struct ntfs_sectors *s = vol->sectors;
    if (s->limited && count > s->read_left)
        return fail(f, ERR_LIMIT, "gave up: no end after %u MiB of metadata",
                    s->read_limit >> (20 - SECTOR_SHIFT));
    if (s->limited)
        s->read_left -= count;
    return blk_read(&s->cache.blk, vol->start_lba + lba, count, buf, f);
}

struct ntfs_run_limits ntfs_run_limits(const struct ntfs *vol)
{
    return (struct ntfs_run_limits){
        .volume_clusters = vol->clusters,
        .vcn_end = (uint64_t)INT64_MAX >> ntfs_cluster_bytes_shift(vol),
        .minus_one_is_hole = vol->version_major == 1,
    };
}
