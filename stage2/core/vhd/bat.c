/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The BAT is read in pieces as it is walked: that of a large disk with small blocks is not worth
 * its memory. An entry is checked whenever it is used, so a piece that is read twice needs no
 * trust.
 */
#include "core/vhd/bat.h"
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "core/vhd/format.h"

uint32_t vhd_block_sectors(const struct image *image, uint32_t block)
{
    const struct vhd_disk *disk = image->ctx;
    uint64_t left = image->sectors - ((uint64_t)block << disk->block_shift);
    uint32_t whole = 1u << disk->block_shift;
    return left < whole ? (uint32_t)left : whole;
}

static bool overlaps(uint64_t start, uint64_t size, uint64_t other, uint64_t other_size)
{
    return start < other + other_size && other < start + size;
}

enum err vhd_bat_get(struct image *image, uint32_t block, uint32_t *entry, struct fail *f)
{
    struct vhd_disk *disk = image->ctx;
    if (block < disk->bat_first || block - disk->bat_first >= disk->bat_count) {
        uint32_t left = disk->blocks - block;
        disk->bat_count = 0;
        disk->bat_first = block;
        uint32_t count = left < disk->bat_room ? left : disk->bat_room;
        enum err err = file_read(image->file, disk->bat_offset + ((uint64_t)block << 2), disk->bat,
                                 count << 2, f);
        if (err)
            return err;
        disk->bat_count = count;
    }

    *entry = be32_get(disk->bat[block - disk->bat_first]);
    if (*entry == VHD_BAT_ABSENT)
        return ERR_OK;
    uint64_t start = (uint64_t)*entry << SECTOR_SHIFT;
    uint64_t size = (uint64_t)(disk->bitmap_sectors + vhd_block_sectors(image, block))
                    << SECTOR_SHIFT;
    if (!range_ok(start, size, disk->limit))
        return fail(f, ERR_IMAGE, "VHD block %u lies beyond the end of the file", block);
    if (start < VHD_FOOTER_SIZE ||
        overlaps(start, size, disk->header_offset, sizeof(struct vhd_header)) ||
        overlaps(start, size, disk->bat_offset, (uint64_t)disk->blocks << 2))
        return fail(f, ERR_IMAGE, "VHD block %u lies over the VHD's own header or BAT", block);
    return ERR_OK;
}

enum err vhd_bitmap_load(struct image *image, uint32_t block, uint32_t entry, struct fail *f)
{
    struct vhd_disk *disk = image->ctx;
    if (disk->bitmap_block == block)
        return ERR_OK;
    disk->bitmap_block = UINT32_MAX;
    enum err err = file_read(image->file, (uint64_t)entry << SECTOR_SHIFT, disk->bitmap,
                             disk->bitmap_sectors << SECTOR_SHIFT, f);
    if (!err)
        disk->bitmap_block = block;
    return err;
}

enum err vhd_block_get(struct image *image, uint32_t block, struct image_block *found,
                       struct fail *f)
{
    struct vhd_disk *disk = image->ctx;
    uint32_t entry;
    *found = (struct image_block){0};
    enum err err = vhd_bat_get(image, block, &entry, f);
    if (err)
        return fail_subject(f, image->file->path);
    if (entry == VHD_BAT_ABSENT)
        return ERR_OK;
    found->present = true;
    found->data = entry + disk->bitmap_sectors;
    if (image->kind != IMAGE_DIFFERENCING)
        return ERR_OK;
    err = vhd_bitmap_load(image, block, entry, f);
    if (err)
        return fail_subject(f, image->file->path);
    found->bitmap = disk->bitmap;
    uint32_t end = vhd_block_sectors(image, block);
    found->full = bit_get(disk->bitmap, 0, BITS_MSB_FIRST) &&
                  bits_alike(disk->bitmap, 0, end, BITS_MSB_FIRST) == end;
    return ERR_OK;
}
