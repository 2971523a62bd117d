/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reckons in slots, as core counts them. Writes nothing but what slack_bitmaps_link says: what
 * writes an image asks here first.
 */
#include "image/slack.h"
#include <stdio.h>
#include <string.h>
#include "cli/bytes.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/vhdx/format.h"
#include "core/vhdx/layout.h"

#define DEFAULT_MAX ((uint64_t)4 << 30)
#define MIB         ((uint64_t)1 << VHDX_MIB_SHIFT)
#define BLOCK_MAX   (32u << 20) /* of a VHDX that the loader adds blocks to */

enum status slack_may_write(const struct image *image)
{
    if (!image->read_only)
        return STATUS_OK;
    char text[600] = "";
    for (unsigned i = 0; i < image->notes.count; i++) {
        size_t used = strlen(text);
        if (used + 8 > sizeof text)
            break;
        strcat(text, i ? "; " : "");
        used = strlen(text);
        notes_format(&image->notes, i, text + used, sizeof text - used);
    }
    return say_error("Repair it with the program that made it.", "%s: must not be written: %s",
                     image->file->path, text);
}

/* A fixed VHD has no blocks; a VHDX may have lost some even so. */
static bool has_blocks(const struct image *image)
{
    return image->slack &&
           (image->kind != IMAGE_FIXED || image->allocated < image->sectors << SECTOR_SHIFT);
}

static bool blocks_fit(const struct image *image)
{
    return image->format != IMAGE_VHDX || image->block_size <= BLOCK_MAX;
}

enum status slack_allowed(const struct image *image)
{
    const char *path = image->file->path;
    if (image->format == IMAGE_RAW)
        return say_error("It is written in place as it is.",
                         "%s: is a raw disk, which needs no slack", path);
    if (!has_blocks(image))
        return say_error("It is written in place as it is.", "%s: is a %s, which needs no slack",
                         path, image_kind_name(image));
    if (!blocks_fit(image))
        return say_error("Convert it: mkimage vhd convert --block-size 2M.",
                         "%s: has blocks of %s, and the loader adds those of 1 to 32 MiB", path,
                         bytes_text(image->block_size));
    if (image->format == IMAGE_VHD && image->file->size % SECTOR_SIZE)
        return say_error("Convert it with a newer program first.",
                         "%s: has a footer of 511 bytes, as early Virtual PC wrote it", path);
    return slack_may_write(image);
}

bool slack_grows(const struct image *image)
{
    return has_blocks(image) && blocks_fit(image) && !image->read_only &&
           (image->format != IMAGE_VHD || !(image->file->size % SECTOR_SIZE));
}

/* The footer, whose id the note names. */
static enum err find_vhd(struct slack *s, struct image *image, struct fail *f)
{
    memcpy(s->id, image->id, sizeof s->id);
    if (s->now.limit >= image->file->size) /* it ends there where the footer is damaged */
        return ERR_OK;
    return file_read(image->file, s->now.limit, s->footer,
                     (uint32_t)(image->file->size - s->now.limit), f);
}

/* Room for the bitmaps that are missing comes off the slots. */
static void find_vhdx(struct slack *s, struct image *image)
{
    struct image_slack *now = &s->now;
    struct vhdx_layout layout;
    vhdx_layout(image, &layout);
    memcpy(s->id, layout.header.file_write_id, sizeof s->id);
    s->bitmaps = now->chunks - now->bitmaps;
    s->bitmap_at = now->end;
    now->end += s->bitmaps * MIB;
    uint64_t top = now->limit - (now->noted ? SLACK_NOTE_SIZE : 0);
    now->first = (uint32_t)(now->end >> SECTOR_SHIFT);
    now->count = now->end < top ? (uint32_t)((top - now->end) / image->block_size) : 0;
}

enum err slack_find(struct slack *s, struct image *image, struct arena *a, struct fail *f)
{
    *s = (struct slack){.file_size = image->file->size, .format = image->format};
    enum err err = image->check(image, a, f);
    if (!err)
        err = image->slack(image, &s->now, f);
    if (!err && image->format == IMAGE_VHD)
        err = find_vhd(s, image, f);
    else if (!err)
        find_vhdx(s, image);
    if (err)
        return err;
    s->zero_from = s->now.noted ? s->now.zero_from : s->now.limit;
    uint64_t block = image->block_size / SECTOR_SIZE;
    uint64_t blocks = (image->sectors + block - 1) / block;
    s->absent = (uint32_t)(blocks - image->allocated / image->block_size);
    return ERR_OK;
}

enum status slack_look(struct slack *s, struct image *image, struct arena *a)
{
    struct fail f;
    return slack_find(s, image, a, &f) ? say_fail(&f) : STATUS_OK;
}

uint32_t slack_left(const struct slack *s)
{
    return s->now.count < s->absent ? s->now.count : s->absent;
}

uint32_t slack_wanted(const struct slack *s, uint64_t bytes)
{
    uint64_t block = (uint64_t)s->now.block_sectors << SECTOR_SHIFT;
    uint64_t slots = bytes / block + (bytes % block != 0);
    uint32_t most = s->absent - slack_left(s);
    return slots < most ? (uint32_t)slots : most;
}

uint32_t slack_fitting(const struct slack *s, uint64_t bytes)
{
    uint64_t size = (uint64_t)s->now.bitmap_sectors + s->now.block_sectors;
    uint64_t other = s->format == IMAGE_VHDX ? (s->bitmaps + 1) * MIB : 0; /* and the note */
    uint64_t slots =
        (bytes > other ? bytes - other : 0) / (round_up_shift(size, 3) << SECTOR_SHIFT);
    uint32_t most = s->absent - slack_left(s);
    slots -= slots != 0; /* the first may lie a bit further on */
    return slots < most ? (uint32_t)slots : most;
}

/* Whole MiB, as all of a VHDX: the last one is the note's. */
static uint64_t size_vhdx(const struct slack *s, uint32_t add)
{
    uint64_t slots = (uint64_t)slack_left(s) + add;
    uint64_t limit = s->now.end + (slots * s->now.block_sectors << SECTOR_SHIFT) + MIB;
    if (limit >> SECTOR_SHIFT > UINT32_MAX)
        return 0;
    return limit > s->file_size ? limit : s->file_size;
}

uint64_t slack_size(const struct slack *s, uint32_t add)
{
    const struct image_slack *now = &s->now;
    if (!add && !s->bitmaps)
        return s->file_size;
    if (s->format == IMAGE_VHDX)
        return size_vhdx(s, add);
    uint64_t size = (uint64_t)now->bitmap_sectors + now->block_sectors;
    uint64_t end = round_up_shift(now->end, SECTOR_SHIFT) >> SECTOR_SHIFT;
    uint64_t first = round_up_shift(end + now->bitmap_sectors, 3) - now->bitmap_sectors;
    uint64_t slots = (uint64_t)slack_left(s) + add;
    uint64_t limit = first + (slots - 1) * round_up_shift(size, 3) + size + 1; /* the note */
    if (limit > VHD_BAT_ABSENT)
        return 0;
    uint64_t bytes = (limit << SECTOR_SHIFT) + VHD_FOOTER_SIZE;
    return bytes > s->file_size ? bytes : s->file_size;
}

void slack_placed(struct slack *s, uint32_t slots)
{
    s->file_size = slack_size(s, slots);
    s->now.count = slots;
    s->now.noted = slots != 0;
    s->now.limit = s->file_size - slack_footer_size(s);
}

uint64_t slack_footer_size(const struct slack *s)
{
    return s->format == IMAGE_VHD ? sizeof s->footer : 0;
}

uint64_t slack_tail_size(const struct slack *s)
{
    return SLACK_NOTE_SIZE + slack_footer_size(s);
}

void slack_tail_make(struct slack_tail *tail, const struct slack *s, uint64_t first, uint64_t size)
{
    slack_note_make(&tail->note, s->id, first, size - slack_tail_size(s));
    memcpy(tail->footer, s->footer, sizeof tail->footer);
}

uint64_t slack_old_tail(const struct slack *s, uint64_t *size)
{
    uint64_t note = s->now.noted ? SLACK_NOTE_SIZE : 0;
    *size = note + slack_footer_size(s);
    return s->now.limit - note;
}

bool slack_bitmaps_link(const struct slack *s, slack_io *io, void *ctx)
{
    uint32_t block = s->now.block_sectors, next = 0;
    uint32_t ratio = (1u << VHDX_CHUNK_SHIFT) / block;
    for (uint32_t chunk = 0; s->bitmaps && chunk < s->now.chunks; chunk++) {
        uint64_t entry = ((uint64_t)(chunk + 1) * ratio + chunk) * sizeof(le64);
        uint64_t at = ((uint64_t)s->now.bat_sector << SECTOR_SHIFT) + entry;
        uint8_t sector[SECTOR_SIZE];
        le64 *own = (le64 *)(sector + at % SECTOR_SIZE);
        if (!io(ctx, at - at % SECTOR_SIZE, sector, sizeof sector, false))
            return false;
        if ((le64_get(*own) & VHDX_STATE_MASK) == VHDX_FULLY_PRESENT)
            continue;
        *own = le64_make((s->bitmap_at + next++ * MIB) | VHDX_FULLY_PRESENT);
        if (!io(ctx, at - at % SECTOR_SIZE, sector, sizeof sector, true))
            return false;
    }
    return true;
}

enum status slack_too_large(const char *path, const char *advice)
{
    return say_error(advice, "%s: would get blocks behind 2 TiB, where the loader adds none", path);
}

uint32_t slack_default(const struct slack *s, uint64_t volume_free)
{
    uint64_t half = volume_free / 2;
    return slack_fitting(s, half < DEFAULT_MAX ? half : DEFAULT_MAX);
}

const char *slack_text(const struct slack *s, uint32_t slots)
{
    static char buffer[2][80];
    static unsigned next;
    char *text = buffer[next++ % 2];
    snprintf(text, sizeof buffer[0], "%s (%u block%s)",
             bytes_text((uint64_t)slots * s->now.block_sectors << SECTOR_SHIFT), slots,
             slots == 1 ? "" : "s");
    return text;
}
