/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reckons in slots, as core/vhd/slack.h counts them. Only reads: what writes an image asks here
 * first.
 */
#include "image/slack.h"
#include <stdio.h>
#include <string.h>
#include "cli/bytes.h"
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/vhd/note.h"

#define DEFAULT_MAX ((uint64_t)4 << 30)

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

enum status slack_allowed(const struct image *image)
{
    const char *path = image->file->path;
    if (image->format == IMAGE_RAW)
        return say_error("It is written in place as it is.",
                         "%s: is a raw disk, which needs no slack", path);
    if (image->format != IMAGE_VHD)
        return say_error("Convert it to a VHD first (qemu-img convert -O vpc).",
                         "%s: is a VHDX, which the loader adds no blocks to", path);
    if (image->kind == IMAGE_FIXED)
        return say_error("It is written in place as it is.",
                         "%s: is a fixed VHD, which needs no slack", path);
    if (image->file->size % SECTOR_SIZE)
        return say_error("Convert it with a newer program first.",
                         "%s: has a footer of 511 bytes, as early Virtual PC wrote it", path);
    return slack_may_write(image);
}

bool slack_grows(const struct image *image)
{
    return image->format == IMAGE_VHD && image->kind != IMAGE_FIXED && !image->read_only &&
           !(image->file->size % SECTOR_SIZE);
}

enum err slack_find(struct slack *s, struct image *image, struct arena *a, struct fail *f)
{
    *s = (struct slack){.file_size = image->file->size};
    enum err err = image->check(image, a, f);
    if (!err)
        err = vhd_slack_find(image, &s->now, f);
    if (!err && s->now.limit < image->file->size) /* it ends there where the footer is damaged */
        err = file_read(image->file, s->now.limit, s->footer,
                        (uint32_t)(image->file->size - s->now.limit), f);
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
    uint64_t slots = bytes / (round_up_shift(size, 3) << SECTOR_SHIFT);
    uint32_t most = s->absent - slack_left(s);
    slots -= slots != 0; /* the first may lie a bit further on */
    return slots < most ? (uint32_t)slots : most;
}

uint64_t slack_size(const struct slack *s, uint32_t add)
{
    const struct vhd_slack *now = &s->now;
    if (!add)
        return s->file_size;
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

void slack_tail_make(struct slack_tail *tail, const struct slack *s, uint64_t first, uint64_t size)
{
    const struct vhd_footer *footer = (const struct vhd_footer *)s->footer;
    vhd_note_make(&tail->note, footer->id, first, size - sizeof *tail);
    memcpy(tail->footer, s->footer, sizeof tail->footer);
}

uint64_t slack_old_tail(const struct slack *s)
{
    return s->now.limit - (s->now.noted ? VHD_NOTE_SIZE : 0);
}

enum status slack_too_large(const char *path, const char *advice)
{
    return say_error(advice, "%s: would get blocks behind 2 TiB, where a VHD can have none", path);
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
