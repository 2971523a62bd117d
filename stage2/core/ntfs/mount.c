/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mounts a volume: boot sector, $MFT, $UpCase, state. */
#include "core/base/arena.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/base/errors.h"
#include "core/ntfs/boot.h"
#include "core/ntfs/mft.h"
#include "core/ntfs/ntfs.h"
#include "core/ntfs/sectors.h"
#include "core/ntfs/state.h"
#include "core/ntfs/upcase.h"

/* The read cache: 32 lines of 8 KiB, so that neighbouring MFT records cost one read. */
#define CACHE_LINE_SHIFT 4
#define CACHE_LINES      32

/* What is kept of the volume, in one piece. */
struct parts {
    struct ntfs_sectors sectors;
    struct ntfs_mft mft;
    struct ntfs_upcase upcase;
};

/* Reads and decodes the boot sector, and checks that the volume lies where it may. */
static enum err read_boot(struct ntfs *vol, uint64_t sectors, struct fail *f)
{
    uint8_t sector[SECTOR_SIZE];
    struct ntfs_boot boot;
    enum err err = blk_read(&vol->sectors->cache.blk, vol->start_lba, 1, sector, f);
    if (!err)
        err = ntfs_boot_decode(sector, &boot, f);
    if (err)
        return err;
    /* First: partitions that reach beyond the drive have been cut to it. */
    if (!range_ok(vol->start_lba, boot.sectors, vol->drive->sectors))
        return fail_two(
            f, ERR_CUT_OFF,
            "the drive ends after %u sectors, the volume needs %U: the stick is smaller "
            "than the one the copy came from",
            vol->drive->sectors, vol->start_lba + boot.sectors);
    if (boot.sectors > sectors)
        return fail(f, ERR_CORRUPT, "the volume has %u sectors, more than its partition",
                    boot.sectors);

    vol->cluster_shift = boot.cluster_shift;
    vol->clusters = boot.clusters;
    vol->record_size = boot.record_size;
    vol->index_size = boot.index_size;
    vol->sector_size = boot.sector_size;
    vol->serial = boot.serial;
    vol->mft->record_shift = log2_u32(boot.record_size);
    vol->mft->lcn = boot.mft_lcn;
    vol->mft->mirror_lcn = boot.mirror_lcn;
    return ERR_OK;
}

static enum err mount(struct ntfs *vol, uint64_t sectors, struct fail *f)
{
    struct arena *a = vol->arena;
    struct parts *parts = arena_alloc(a, sizeof *parts);
    if (!parts)
        return fail(f, ERR_MEMORY, "no memory for an NTFS volume (%u bytes)", sizeof *parts);
    vol->sectors = &parts->sectors;
    vol->mft = &parts->mft;
    vol->upcase = &parts->upcase;
    ntfs_limit_reads(vol, NTFS_READ_LIMIT);
    enum err err =
        blk_cache_init(&parts->sectors.cache, vol->drive, CACHE_LINE_SHIFT, CACHE_LINES, a, f);
    if (!err)
        err = read_boot(vol, sectors, f);
    if (err)
        return err;

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
        vol->sectors = NULL;
        vol->mft = NULL;
        vol->upcase = NULL;
        return err;
    }
    ntfs_unlimit_reads(vol);
    return ERR_OK;
}
