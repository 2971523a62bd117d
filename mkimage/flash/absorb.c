/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks the disk block by block of the parent (absorb_block.h). Blocks that the parent lacks go
 * into its slack, and are linked some at a time, behind a flush of the drive. In between the slack
 * holds more than zeros: a note that says otherwise is taken away for that time; a VHDX's goes with
 * its header's ids. A mark in the parent says that this is under way, from before the first byte to
 * behind the last one. Of the child at most the id is written that the mark names.
 */
#include "flash/absorb.h"
#include <stdlib.h>
#include <string.h>
#include "cli/progress.h"
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "flash/absorb_block.h"
#include "flash/merge_mark.h"
#include "flash/renew.h"
#include "host/device.h"

/* What a child stores of some sectors: the more, the higher. */
enum stored { STORES_NOTHING, STORES_ZEROS, STORES_DATA };

/* Notes in `mask` which sectors of [lba, lba + count) the child stores, and reads them where `data`
 * is given. */
static enum err child_unit(struct image *child, uint64_t lba, uint32_t count, uint8_t *mask,
                           uint8_t *data, enum stored *stored, struct fail *f)
{
    memset(mask, 0, count);
    *stored = STORES_NOTHING;
    for (uint32_t at = 0; at < count;) { /* ends: a run has at least one sector */
        struct image_run run;
        enum err err = child->run(child, lba + at, &run, f);
        if (err)
            return err;
        uint32_t n = run.count < count - at ? (uint32_t)run.count : count - at;
        uint8_t *to = data ? data + (size_t)at * SECTOR_SIZE : NULL;
        if (run.state != IMAGE_ABSENT)
            memset(mask + at, 1, n);
        if (run.state == IMAGE_DATA)
            *stored = STORES_DATA;
        else if (run.state == IMAGE_ZERO && !*stored)
            *stored = STORES_ZEROS;
        if (to && run.state == IMAGE_DATA)
            err = file_read(child->file, run.file_sector << SECTOR_SHIFT, to, n << SECTOR_SHIFT, f);
        else if (to && run.state == IMAGE_ZERO)
            memset(to, 0, (size_t)n * SECTOR_SIZE);
        if (err)
            return err;
        at += n;
    }
    return ERR_OK;
}

/* Block `index` of the parent, as the writer needs it. */
static enum err parent_block(struct image *parent, uint32_t index, struct image_block *block,
                             struct fail *f)
{
    if (!absorb_is_plain(parent))
        return parent->block(parent, index, block, f);
    *block = (struct image_block){.present = true, .data = index * ABSORB_PIECE_SECTORS};
    return ERR_OK;
}

/* Zeros over what reads as zeros are no change. */
static bool changes(const struct image *parent, const struct image_block *block, enum stored stored)
{
    bool zeros = !block->present && (parent->kind != IMAGE_DIFFERENCING || block->zero);
    return stored > (zeros ? STORES_ZEROS : STORES_NOTHING);
}

/* May new blocks be put into it? The loader's own limits are none here. */
static enum status check_slack(const struct image *parent)
{
    bool plain = absorb_is_plain(parent) || parent->format == IMAGE_VHDX;
    return plain ? slack_may_write(parent) : slack_allowed(parent);
}

static enum status check_both(const struct absorb *f)
{
    struct fail fail;
    const struct image *child = &f->child->image, *parent = &f->parent->image;
    if (child->sectors != parent->sectors)
        return say_error("Use the program that changed its size.",
                         "%s: is not as large as its parent %s", child->file->path,
                         parent->file->path);
    if (child->saved_state)
        return say_error("Let that machine go on and shut it down, or discard its saved state.",
                         "%s: a suspended virtual machine uses this disk, and would not find it "
                         "again",
                         child->file->path);
    if (file_writable_in_place(&f->parent->file, &f->parent->extents, &fail))
        return say_fail(&fail);
    if (child->format == IMAGE_VHDX &&
        file_writable_in_place(&f->child->file, &f->child->extents, &fail))
        return say_fail(&fail);
    enum status status = merge_mark_possible(parent);
    return status ? status : check_slack(parent);
}

enum status absorb_open(struct absorb *f)
{
    struct image *child = &f->child->image, *parent = &f->parent->image;
    f->new_blocks = 0;
    enum status status = check_both(f);
    if (status || absorb_is_plain(parent))
        return status;
    status = slack_look(&f->slack, parent, f->arena);
    uint32_t unit = absorb_unit_sectors(parent);
    uint8_t *mask = malloc(unit);
    if (!mask)
        return say_no_memory();
    for (uint64_t lba = 0; !status && lba < child->sectors; lba += unit) {
        uint64_t left = child->sectors - lba;
        struct image_block block;
        struct fail fail;
        enum stored stored;
        if (child_unit(child, lba, left < unit ? (uint32_t)left : unit, mask, NULL, &stored,
                       &fail) ||
            parent_block(parent, (uint32_t)(lba / unit), &block, &fail))
            status = say_fail(&fail);
        else
            f->new_blocks += !block.present && changes(parent, &block, stored);
    }
    free(mask);
    return status;
}

/* Takes the note about the parent's slack away, or gives it back: all blocks are linked then. */
static bool write_note(struct absorb_writer *w, bool there)
{
    const struct slack *s = &w->f->slack;
    struct slack_tail tail;
    if (!s->now.noted || (!w->f->new_blocks && s->format == IMAGE_VHD))
        return true;
    slack_tail_make(&tail, s, s->zero_from, s->now.limit + slack_footer_size(s));
    if (!there)
        memset(&tail, 0, sizeof tail);
    return absorb_write(w, (s->now.limit - sizeof tail.note) >> SECTOR_SHIFT, &tail.note, 1) &&
           edit_sync(w->f->edit);
}

/* All that says beforehand that the parent is about to change. */
static enum status begin(struct absorb_writer *w)
{
    struct absorb *f = w->f;
    if (!write_note(w, false))
        return device_write_failed(&f->edit->session.device);
    enum status status = renew_ids(f->edit, f->parent, VHDX_CHANGES_FILE, f->slack.id);
    if (!status)
        status = merge_mark_child(f->edit, f->child);
    return status ? status
                  : merge_mark_set(f->edit, f->parent, IMAGE_MERGE_UNDER_WAY,
                                   f->child->image.merge_id);
}

static enum status write_unit(struct absorb_writer *w, uint64_t lba, uint32_t count)
{
    struct fail fail;
    struct image *parent = &w->f->parent->image;
    struct image_block block;
    enum stored stored;
    memset(w->mask, 0, w->unit);
    if (child_unit(&w->f->child->image, lba, count, w->mask, w->data, &stored, &fail))
        return say_fail(&fail);
    if (!stored)
        return STATUS_OK;
    progress_add((uint64_t)count << SECTOR_SHIFT);
    uint32_t index = (uint32_t)(lba / w->unit);
    if (parent_block(parent, index, &block, &fail))
        return say_fail(&fail);
    return !changes(parent, &block, stored) || absorb_block_write(w, index, &block, count)
               ? STATUS_OK
               : device_write_failed(&w->f->edit->session.device);
}

enum status absorb_run(struct absorb *f)
{
    const struct image *parent = &f->parent->image;
    uint64_t sectors = f->child->image.sectors;
    struct absorb_writer w = {.f = f, .unit = absorb_unit_sectors(parent)};
    w.data = malloc((size_t)w.unit * SECTOR_SIZE);
    w.mask = malloc(w.unit);
    w.bitmap = malloc(absorb_bitmap_bytes(parent));
    enum status status = w.data && w.mask && w.bitmap ? begin(&w) : say_no_memory();
    progress_start("merging", f->child->image.allocated);
    for (uint64_t lba = 0; !status && lba < sectors; lba += w.unit) {
        uint64_t left = sectors - lba;
        status = write_unit(&w, lba, left < w.unit ? (uint32_t)left : w.unit);
    }
    if (!status && (!absorb_block_link(&w) || !edit_sync(f->edit) || !write_note(&w, true)))
        status = device_write_failed(&f->edit->session.device);
    if (!status)
        status = merge_mark_set(f->edit, f->parent, IMAGE_MERGE_COMPLETE, f->child->image.merge_id);
    progress_end();
    free(w.data);
    free(w.mask);
    free(w.bitmap);
    return status;
}
