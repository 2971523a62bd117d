/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Divides what is left behind the last block into slots, on borders of 1 MiB as all of a VHDX. */
#include "core/vhdx/slack.h"
#include <stdbool.h>
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "core/base/note.h"
#include "core/vhdx/bat.h"
#include "core/vhdx/format.h"
#include "core/vhdx/layout.h"
#include "core/vhdx/state.h"

#define MIB ((uint64_t)1 << VHDX_MIB_SHIFT)

/* Where all that the BAT names ends. Counts sector bitmaps in *bitmaps. */
static enum err used_end(struct vhdx *v, const struct vhdx_layout *at, uint64_t *end,
                         uint32_t *bitmaps, struct fail *f)
{
    uint32_t entries = vhdx_bat_entries(at);
    for (uint32_t i = 0; i < entries; i++) {
        uint64_t entry;
        enum err err = vhdx_bat_entry(v, i, &entry, f);
        if (err)
            return err;
        uint64_t offset = entry >> VHDX_MIB_SHIFT << VHDX_MIB_SHIFT;
        bool bitmap = i % ((1u << v->ratio_shift) + 1) == 1u << v->ratio_shift;
        uint64_t length = bitmap ? MIB : (uint64_t)1 << v->block_shift;
        if (offset && offset < v->size && offset + length > *end)
            *end = offset + length;
        *bitmaps += bitmap && ((uint32_t)entry & VHDX_STATE_MASK) == VHDX_FULLY_PRESENT;
    }
    return ERR_OK;
}

/* Is there a note, about this file as it is now and about this place? What cannot be read says
 * nothing. */
static void look_for_note(struct image *image, const struct vhdx *v, struct image_slack *slack)
{
    struct slack_note note;
    struct fail ignored;
    uint64_t at = slack->limit - sizeof note, first;
    slack->zero_from = UINT64_MAX;
    if (slack->limit < sizeof note || at < slack->end ||
        file_read(image->file, at, &note, sizeof note, &ignored) ||
        !slack_note_fits(&note, v->header.file_write_id, at, &first))
        return;
    slack->noted = true;
    slack->zero_from = first;
}

enum err vhdx_slack_find(struct image *image, struct image_slack *slack, struct fail *f)
{
    struct vhdx *v = image->ctx;
    struct vhdx_layout at;
    vhdx_layout(image, &at);
    uint64_t end = v->regions_end, log_end = at.log_offset + at.log_length;
    *slack = (struct image_slack){.block_sectors = 1u << (v->block_shift - SECTOR_SHIFT),
                                  .stride = 1u << (v->block_shift - SECTOR_SHIFT),
                                  .bat_sector = (uint32_t)(v->bat_offset >> SECTOR_SHIFT),
                                  .limit = image->file->size & ~(uint64_t)(SECTOR_SIZE - 1)};
    if (v->sectors_4k || (v->bat_offset + v->bat_length) >> SECTOR_SHIFT > UINT32_MAX) {
        (void)fail(f, ERR_UNSUPPORTED, "the VHDX cannot get new blocks: %u is the end of its table",
                   v->bat_offset + v->bat_length);
        return fail_subject(f, image->file->path);
    }
    if (at.log_length && log_end > end)
        end = log_end;
    enum err err = used_end(v, &at, &end, &slack->bitmaps, f);
    if (err)
        return fail_subject(f, image->file->path);
    if (v->has_parent)
        slack->chunks = ((v->block_count - 1) >> v->ratio_shift) + 1;
    slack->end = round_up_shift(end, VHDX_MIB_SHIFT);
    look_for_note(image, v, slack);

    uint64_t top = slack->limit - (slack->noted ? sizeof(struct slack_note) : 0);
    if (top >> SECTOR_SHIFT > UINT32_MAX) /* the handler counts a file's sectors in 32 bits */
        top = (uint64_t)UINT32_MAX << SECTOR_SHIFT;
    if (slack->end >= top)
        return ERR_OK;
    slack->first = (uint32_t)(slack->end >> SECTOR_SHIFT);
    slack->count = (uint32_t)((top - slack->end) >> v->block_shift);
    return ERR_OK;
}
