/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Do a dynamic VHD's bitmaps tell the truth? Only mkimage asks: reading goes without them. */
#include "core/base/arena.h"
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "core/base/errors.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "core/vhd/bat.h"
#include "core/vhd/format.h"
#include "core/vhd/vhd.h"

/* The first sector of the block whose bit is 0 and whose data is not zero; UINT32_MAX: none. */
static enum err find_masked(struct image *image, uint32_t block, uint32_t entry, uint8_t *bitmap,
                            uint32_t *found, struct fail *f)
{
    const struct vhd_disk *disk = image->ctx;
    uint8_t sector[SECTOR_SIZE];
    uint32_t count = vhd_block_sectors(image, block);
    *found = UINT32_MAX;
    enum err err = file_read(image->file, (uint64_t)entry << SECTOR_SHIFT, bitmap,
                             disk->bitmap_sectors << SECTOR_SHIFT, f);
    for (uint32_t i = 0; !err && i < count; i++) {
        if (bit_get(bitmap, i, BITS_MSB_FIRST))
            continue;
        err = file_read(image->file, ((uint64_t)entry + disk->bitmap_sectors + i) << SECTOR_SHIFT,
                        sector, sizeof sector, f);
        if (!err && !bytes_are(sector, sizeof sector, 0)) {
            *found = i;
            break;
        }
    }
    return err;
}

enum err vhd_bitmap_check(struct image *image, struct arena *a, struct fail *f)
{
    if (image->format != IMAGE_VHD || image->kind != IMAGE_DYNAMIC)
        return ERR_OK;
    const struct vhd_disk *disk = image->ctx;
    size_t mark = arena_mark(a);
    uint8_t *bitmap = arena_alloc(a, (uint64_t)disk->bitmap_sectors << SECTOR_SHIFT);
    enum err err = bitmap ? ERR_OK : fail(f, ERR_MEMORY, "no memory for a VHD's bitmap", 0);
    uint32_t found = UINT32_MAX;
    for (uint32_t block = 0; !err && found == UINT32_MAX && block < disk->blocks; block++) {
        uint32_t entry;
        err = vhd_bat_get(image, block, &entry, f);
        if (!err && entry != VHD_BAT_ABSENT)
            err = find_masked(image, block, entry, bitmap, &found, f);
        if (!err && found != UINT32_MAX)
            notes_add(&image->notes,
                      "a bitmap says that sector %u is empty, but it holds data: some programs "
                      "show zeros there",
                      ((uint64_t)block << disk->block_shift) + found);
    }
    arena_release(a, mark);
    return err ? fail_subject(f, image->file->path) : ERR_OK;
}
