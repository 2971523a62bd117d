/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Do blocks of a VHD lie over each other? In linear time: the file is divided into cells of one
 * block's length (bitmap and data), so that of two blocks that start in one cell one lies over the
 * other, and a block can only reach into the next cell. A cell remembers the start of its block.
 * The last block may be cut where the disk ends, so it is compared last, with its own length.
 */
#include "core/vhd/overlap.h"
#include <stdbool.h>
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "core/vhd/bat.h"
#include "core/vhd/format.h"

struct block_cells {
    uint32_t *start; /* sector of the block that starts in the cell; 0: none, as no block does */
    uint32_t count;
    uint32_t length; /* sectors a cell */
};

/* Is there a block in the cells that the block [start, start + size) lies over? */
static bool cells_hit(const struct block_cells *cells, uint32_t start, uint32_t size)
{
    uint32_t own = start / cells->length;
    for (uint32_t c = own ? own - 1 : 0; c <= own + 1 && c < cells->count; c++) {
        uint32_t other = cells->start[c];
        if (!other)
            continue;
        if (other >= start ? other - start < size : start - other < cells->length)
            return true;
    }
    return false;
}

static enum err check_blocks(struct image *image, struct block_cells *cells, struct fail *f)
{
    struct vhd_disk *disk = image->ctx;
    uint64_t present = 0;
    uint64_t end = disk->structures_end;
    for (uint32_t block = 0; block < disk->blocks; block++) {
        uint32_t entry;
        enum err err = vhd_bat_get(image, block, &entry, f);
        if (err)
            return err;
        if (entry == VHD_BAT_ABSENT)
            continue;
        present++;
        if (((uint64_t)entry + cells->length) << SECTOR_SHIFT > end)
            end = ((uint64_t)entry + cells->length) << SECTOR_SHIFT;
        if (cells_hit(cells, entry, disk->bitmap_sectors + vhd_block_sectors(image, block)))
            return fail(f, ERR_IMAGE, "VHD block %u lies over another block", block);
        cells->start[entry / cells->length] = entry;
        if (!range_ok((uint64_t)entry << SECTOR_SHIFT, (uint64_t)cells->length << SECTOR_SHIFT,
                      disk->limit)) {
            image->read_only = true;
            notes_add(&image->notes,
                      "the last block is cut where the disk ends: it can be read, "
                      "but not written",
                      0);
        }
    }
    disk->blocks_end = end;
    image->allocated = present << disk->block_shift << SECTOR_SHIFT;
    return ERR_OK;
}

static struct block_cells cells_of(const struct vhd_disk *disk)
{
    struct block_cells cells = {.length = disk->bitmap_sectors + (1u << disk->block_shift)};
    /* Entries have 32 bits, so no block starts behind sector 2^32 of the file. */
    uint64_t sectors = disk->limit >> SECTOR_SHIFT;
    cells.count = (sectors > UINT32_MAX ? UINT32_MAX : (uint32_t)sectors) / cells.length + 1;
    return cells;
}

uint64_t vhd_overlap_memory(const struct vhd_disk *disk)
{
    return (uint64_t)cells_of(disk).count << 2;
}

enum err vhd_overlap_check(struct image *image, struct arena *a, struct fail *f)
{
    struct block_cells cells = cells_of(image->ctx);
    size_t mark = arena_mark(a);
    cells.start = arena_array(a, cells.count, sizeof cells.start[0]);
    enum err err = cells.start ? check_blocks(image, &cells, f)
                               : fail(f, ERR_MEMORY, "checking the VHD's blocks takes %u bytes",
                                      (uint64_t)cells.count << 2);
    arena_release(a, mark);
    return err ? fail_subject(f, image->file->path) : ERR_OK;
}
