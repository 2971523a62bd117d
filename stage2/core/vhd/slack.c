/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Divides what is left behind the last block into slots. */
#include "core/vhd/slack.h"
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "core/vhd/bat.h"
#include "core/vhd/format.h"
#include "core/base/note.h"

#define ALIGN_SHIFT 3 /* 4 KiB, in sectors: what flash drives and newer disks write at once */

/* The end of the highest block, where opening the image has not found it out. */
static enum err blocks_end(struct image *image, struct fail *f)
{
    struct vhd_disk *disk = image->ctx;
    uint64_t end = disk->structures_end;
    for (uint32_t block = 0; block < disk->blocks; block++) {
        uint32_t entry;
        enum err err = vhd_bat_get(image, block, &entry, f);
        if (err)
            return fail_subject(f, image->file->path);
        uint64_t sectors = (uint64_t)disk->bitmap_sectors + ((uint64_t)1 << disk->block_shift);
        if (entry != VHD_BAT_ABSENT && (entry + sectors) << SECTOR_SHIFT > end)
            end = (entry + sectors) << SECTOR_SHIFT;
    }
    disk->blocks_end = end;
    return ERR_OK;
}

/* Is there a note, about this file and this place? What cannot be read says nothing. */
static void look_for_note(struct image *image, struct image_slack *slack)
{
    struct slack_note note;
    struct fail ignored;
    slack->zero_from = UINT64_MAX;
    if (slack->limit & (SECTOR_SIZE - 1) || slack->limit < sizeof note ||
        slack->limit - sizeof note < slack->end)
        return;
    uint64_t at = slack->limit - sizeof note, first;
    if (file_read(image->file, at, &note, sizeof note, &ignored) ||
        !slack_note_fits(&note, image->id, at, &first))
        return;
    slack->noted = true;
    slack->zero_from = first;
}

/* How many slots fit between sectors `first` and `limit`. */
static uint32_t slots(uint64_t first, uint32_t limit, uint32_t stride, uint32_t size)
{
    return first + size > limit ? 0 : (limit - (uint32_t)first - size) / stride + 1;
}

enum err vhd_slack_find(struct image *image, struct image_slack *slack, struct fail *f)
{
    struct vhd_disk *disk = image->ctx;
    if (disk->bat_offset & (SECTOR_SIZE - 1)) {
        (void)fail(f, ERR_UNSUPPORTED,
                   "the VHD's BAT starts at byte %u, within a sector: it cannot get new blocks",
                   disk->bat_offset);
        return fail_subject(f, image->file->path);
    }
    if (!disk->blocks_end) {
        enum err err = blocks_end(image, f);
        if (err)
            return err;
    }
    *slack = (struct image_slack){.bitmap_sectors = disk->bitmap_sectors,
                                  .block_sectors = 1u << disk->block_shift,
                                  .bat_sector = (uint32_t)(disk->bat_offset >> SECTOR_SHIFT),
                                  .end = disk->blocks_end,
                                  .limit = disk->limit,
                                  .unsure = true};
    look_for_note(image, slack);

    uint32_t size = slack->bitmap_sectors + slack->block_sectors;
    uint32_t stride = (uint32_t)round_up_shift(size, ALIGN_SHIFT);
    uint64_t end = round_up_shift(slack->end, SECTOR_SHIFT) >> SECTOR_SHIFT;
    uint64_t first =
        round_up_shift(end + slack->bitmap_sectors, ALIGN_SHIFT) - slack->bitmap_sectors;
    uint64_t limit = (slack->limit >> SECTOR_SHIFT) - slack->noted;
    if (limit > VHD_BAT_ABSENT) /* a BAT can name no sector behind */
        limit = VHD_BAT_ABSENT;
    uint32_t packed = slots(end, (uint32_t)limit, size, size);
    uint32_t aligned = slots(first, (uint32_t)limit, stride, size);
    bool keep = aligned >= packed - packed / 64;
    slack->first = (uint32_t)(keep ? first : end);
    slack->stride = (uint32_t)(keep ? stride : size);
    slack->count = keep ? aligned : packed;
    return ERR_OK;
}
