/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mounts a volume: boot sector, $MFT, $UpCase, state. */
#include "core/ntfs/sectors.h"
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/base/mem.h"
#include "core/ntfs/boot.h"
#include "core/ntfs/mft.h"
#include "core/ntfs/state.h"

void ntfs_limit_reads(struct ntfs *vol, uint32_t sectors)
{
    vol->state->read_limit = sectors;
    vol->state->read_left = sectors;
    vol->state->limited = true;
}

void ntfs_unlimit_reads(struct ntfs *vol)
{
    vol->state->limited = false;
}

enum err ntfs_volume_read(struct ntfs *vol, uint64_t lba, uint32_t count, void *buf, struct fail *f)
{
    if (!range_ok(lba, count, vol->clusters << vol->cluster_shift))
        return fail(f, ERR_CORRUPT, "sector %u is beyond the end of the volume", lba);
    struct ntfs_state *st = vol->state;
    if (st->limited && count > st->read_left)
        return fail(f, ERR_LIMIT, "gave up: no end after %u MiB of metadata",
                    st->read_limit >> (20 - SECTOR_SHIFT));
    if (st->limited)
        st->read_left -= count;
    return blk_read(&st->cache.blk, vol->start_lba + lba, count, buf, f);
}

struct ntfs_run_limits ntfs_run_limits(const struct ntfs *vol)
{
    return (struct ntfs_run_limits){
        .volume_clusters = vol->clusters,
        .vcn_end = (uint64_t)INT64_MAX >> ntfs_cluster_bytes_shift(vol),
        .minus_one_is_hole = vol->version_major == 1,
    };
}

/* Reads and decodes the boot sector, and checks that the volume lies where it may. */
static enum err read_boot(struct ntfs *vol, uint64_t sectors, struct fail *f)
{
    uint8_t sector[SECTOR_SIZE];
    struct ntfs_boot boot;
    enum err err = blk_read(&vol->state->cache.blk, vol->start_lba, 1, sector, f);
    if (!err)
        err = ntfs_boot_decode(sector, &boot, f);
    if (err)
        return err;
    if (boot.sectors > sectors)
        return fail(f, ERR_CORRUPT, "the volume has %u sectors, more than its partition",
                    boot.sectors);
    if (!range_ok(vol->start_lba, boot.sectors, vol->drive->sectors))
        return fail(f, ERR_CORRUPT, "the volume has %u sectors, more than its drive holds",
                    boot.sectors);

    vol->cluster_shift = boot.cluster_shift;
    vol->clusters = boot.clusters;
    vol->record_size = boot.record_size;
    vol->index_size = boot.index_size;
    vol->sector_size = boot.sector_size;
    vol->serial = boot.serial;
    vol->state->record_shift = log2_u32(boot.record_size);
    vol->state->mft_lcn = boot.mft_lcn;
    vol->state->mirror_lcn = boot.mirror_lcn;
    return ERR_OK;
}

static enum err mount(struct ntfs *vol, uint64_t sectors, struct fail *f)
{
    struct arena *a = vol->arena;
    struct ntfs_state *st = arena_alloc(a, sizeof *st);
    if (!st)
        return fail(f, ERR_MEMORY, "no memory for an NTFS volume (%u bytes)", sizeof *st);
    vol->state = st;
    st->extension_number = UINT64_MAX;
    ntfs_limit_reads(vol, NTFS_READ_LIMIT);
    enum err err =
        blk_cache_init(&st->cache, vol->drive, NTFS_CACHE_LINE_SHIFT, NTFS_CACHE_LINES, a, f);
    if (!err)
        err = read_boot(vol, sectors, f);
    if (err)
        return err;

    st->extension = arena_alloc(a, vol->record_size);
    if (!st->extension)
        return fail(f, ERR_MEMORY, "no memory for an MFT record of %u bytes", vol->record_size);
    err = ntfs_mft_open(vol, f);
    if (err)
        return err;
    ntfs_state_version(vol); /* first: runlists of NTFS 1.2 are read in another way */
    ntfs_state_label(vol);
    ntfs_upcase_open(vol);
    ntfs_state_read(vol);
    return ERR_OK;
}

enum err ntfs_mount(struct ntfs *vol, struct blk *drive, uint64_t start_lba, uint64_t sectors,
                    struct arena *arena, struct fail *f)
{
    *vol = (struct ntfs){.drive = drive, .arena = arena, .start_lba = start_lba};
    size_t mark = arena_mark(arena);
    enum err err = mount(vol, sectors, f);
    if (err) {
        arena_release(arena, mark);
        vol->state = NULL;
        return err;
    }
    ntfs_unlimit_reads(vol);
    return ERR_OK;
}
