/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a file's runs to extents on the drive, for those who map its sectors. */
#include "core/ntfs/extents.h"
#include "core/base/arena.h"
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/ntfs/attr.h"
#include "core/ntfs/format.h"
#include "core/ntfs/mft.h"
#include "core/ntfs/ntfs.h"
#include "core/ntfs/runlist.h"
#include "core/ntfs/sectors.h"

#define BOOT_BYTES 8192 /* what $Boot occupies from the volume's first cluster on */

static enum err refuse_unmappable(const struct ntfs_attr *data, struct fail *f)
{
    if (data->resident)
        return fail(f, ERR_RESIDENT,
                    "the file's %u bytes lie inside its MFT record, not in sectors of their own",
                    data->size);
    if (data->flags & NTFS_FLAG_COMPRESSION_MASK)
        return fail(f, ERR_COMPRESSED, "the file is compressed", 0);
    return ERR_OK;
}

/* A file whose clusters belong to something else as well must never be mapped: a write through it
 * would destroy the volume. */
static enum err refuse_crossed(const struct ntfs *vol, const struct ntfs_attr *data, bool system,
                               struct arena *a, struct fail *f)
{
    static const struct ntfs_runs none;
    const struct ntfs_runs *mft = system ? &none : &vol->mft->data.runs;
    uint64_t boot = system ? 0 : ((BOOT_BYTES - 1) >> ntfs_cluster_bytes_shift(vol)) + 1;
    uint64_t cluster;
    enum err err = ntfs_runs_shared(&data->runs, mft, boot, a, &cluster, f);
    if (!err && cluster != NTFS_HOLE)
        err = fail(f, ERR_CORRUPT,
                   "cluster %u is in two runs of the file, or belongs to $MFT or $Boot as well",
                   cluster);
    return err;
}

/* Sectors of the file that may be mapped to the drive: up to the initialised size. Where that ends
 * inside a sector, what follows in it must be zero already, or reading it would be wrong. */
static enum err mapped_sectors(struct ntfs *vol, const struct ntfs_attr *data, uint64_t *sectors,
                               struct fail *f)
{
    *sectors = round_up_shift(data->initialized, SECTOR_SHIFT) >> SECTOR_SHIFT;
    uint32_t used = (uint32_t)data->initialized & (SECTOR_SIZE - 1);
    if (!used || data->initialized == data->size)
        return ERR_OK;

    struct ntfs_attr whole = *data;
    whole.size = whole.initialized = *sectors << SECTOR_SHIFT;
    uint8_t sector[SECTOR_SIZE];
    enum err err = ntfs_attr_read(vol, &whole, whole.size - SECTOR_SIZE, sector, SECTOR_SIZE, f);
    if (!err && !bytes_are(sector + used, SECTOR_SIZE - used, 0))
        err = fail(f, ERR_UNINIT,
                   "only the first %u bytes of the file were written, and old contents follow",
                   data->initialized);
    return err;
}

/* Adds [sector, sector + count) to the list, or only counts where there is no array yet. Runs are
 * merged already, but for what the border of the initialised size makes. */
static void add(struct extent_list *list, uint64_t sector, uint64_t lba, uint64_t count,
                bool *in_hole)
{
    bool hole = lba == EXTENT_HOLE;
    bool joins = hole && *in_hole;
    *in_hole = hole;
    if (!joins)
        list->count++;
    if (!list->extent)
        return;
    struct extent *e = &list->extent[list->count - 1];
    if (joins)
        e->count += count;
    else
        *e = (struct extent){.file_sector = sector, .drive_lba = lba, .count = count};
}

/* Walks the runs up to the file's end, everything from `mapped` on as a hole. */
static void walk(const struct ntfs *vol, const struct ntfs_attr *data, uint64_t mapped,
                 struct extent_list *list)
{
    const struct ntfs_runs *runs = &data->runs;
    uint64_t end = round_up_shift(data->size, SECTOR_SHIFT) >> SECTOR_SHIFT;
    bool in_hole = false;
    list->count = 0;
    for (uint32_t i = 0; i < runs->count; i++) {
        uint64_t sector = runs->run[i].vcn << vol->cluster_shift;
        if (sector >= end)
            return;
        uint64_t count = ntfs_run_length(runs, i) << vol->cluster_shift;
        if (count > end - sector)
            count = end - sector;
        bool hole = runs->run[i].lcn == NTFS_HOLE;
        uint64_t real = hole || sector >= mapped ? 0 : mapped - sector;
        if (real > count)
            real = count;
        if (real)
            add(list, sector, vol->start_lba + (runs->run[i].lcn << vol->cluster_shift), real,
                &in_hole);
        if (real < count)
            add(list, sector + real, EXTENT_HOLE, count - real, &in_hole);
    }
}

enum err ntfs_extents(struct ntfs *vol, const struct ntfs_attr *data, bool system,
                      struct extent_list *list, struct arena *a, struct fail *f)
{
    *list = (struct extent_list){0};
    if (!data->size)
        return ERR_OK;
    uint64_t mapped;
    enum err err = refuse_unmappable(data, f);
    if (!err)
        err = refuse_crossed(vol, data, system, a, f);
    if (!err)
        err = mapped_sectors(vol, data, &mapped, f);
    if (err)
        return err;

    walk(vol, data, mapped, list);
    uint32_t count = list->count;
    struct extent *extent = arena_array(a, count, sizeof *extent);
    if (!extent)
        return fail(f, ERR_MEMORY, "no memory for the list of the file's %u fragments", count);
    list->extent = extent;
    walk(vol, data, mapped, list);
    return ERR_OK;
}
