/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks the disk block by block of the parent. Blocks that the parent lacks go into its slack,
 * and are linked some at a time, behind a flush of the drive. In between the slack holds more than
 * zeros: a note that says otherwise is taken away for that time. A mark in the parent's footers
 * says that this is under way, from before the first byte to behind the last one. Never writes to
 * the child.
 */
#include "flash/absorb.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cli/progress.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "core/vhd/bat.h"
#include "core/vhd/slack.h"
#include "flash/merge_mark.h"
#include "host/device.h"

/* A fixed parent has no blocks: it is written in pieces of this size. */
#define PIECE_SECTORS 4096u

/* New blocks that wait for their BAT entries: so many share one flush of the drive. */
#define PENDING_MAX   64u

struct pending {
    uint32_t block, sector;
};

struct writer {
    struct absorb *f;
    const struct extent_list *list; /* of the parent */
    uint32_t unit;                  /* sectors: a block of the parent, or a piece */
    uint8_t *data, *mask, *bitmap;  /* of one unit: what the child stores, a byte a sector */
    uint32_t next_slot;
    struct pending pending[PENDING_MAX];
    unsigned pendings;
};

static uint32_t unit_sectors(const struct image *parent)
{
    return parent->block_size ? parent->block_size / SECTOR_SIZE : PIECE_SECTORS;
}

/* Notes in `mask` which sectors of [lba, lba + count) the child stores, and reads them where `data`
 * is given. `any` says whether there are some. */
static enum err child_unit(struct image *child, uint64_t lba, uint32_t count, uint8_t *mask,
                           uint8_t *data, bool *any, struct fail *f)
{
    memset(mask, 0, count);
    *any = false;
    for (uint32_t at = 0; at < count;) { /* ends: a run has at least one sector */
        struct image_run run;
        enum err err = child->run(child, lba + at, &run, f);
        if (err)
            return err;
        uint32_t n = run.count < count - at ? (uint32_t)run.count : count - at;
        if (run.state == IMAGE_DATA) {
            *any = true;
            memset(mask + at, 1, n);
            if (data)
                err = file_read(child->file, run.file_sector << SECTOR_SHIFT,
                                data + (size_t)at * SECTOR_SIZE, n << SECTOR_SHIFT, f);
            if (err)
                return err;
        }
        at += n;
    }
    return ERR_OK;
}

static enum status check_both(const struct absorb *f)
{
    struct fail fail;
    const struct image *child = &f->child->image, *parent = &f->parent->image;
    if (parent->format != IMAGE_VHD)
        return say_error("Merge it with the program that made the parent, on a copy of both.",
                         "%s: is a VHDX; this program merges VHDs only", parent->file->path);
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
    enum status status = merge_mark_possible(parent);
    if (status)
        return status;
    return parent->kind == IMAGE_FIXED ? slack_may_write(parent) : slack_allowed(parent);
}

enum status absorb_open(struct absorb *f)
{
    struct image *child = &f->child->image, *parent = &f->parent->image;
    f->new_blocks = 0;
    enum status status = check_both(f);
    if (!status && parent->kind != IMAGE_FIXED)
        status = slack_look(&f->slack, parent, f->arena);
    if (status || parent->kind == IMAGE_FIXED)
        return status;
    uint32_t unit = unit_sectors(parent);
    uint8_t *mask = malloc(unit);
    if (!mask)
        return say_no_memory();
    for (uint64_t lba = 0; !status && lba < child->sectors; lba += unit) {
        uint64_t left = child->sectors - lba;
        struct image_block block;
        struct fail fail;
        bool any;
        if (child_unit(child, lba, left < unit ? (uint32_t)left : unit, mask, NULL, &any, &fail) ||
            vhd_block_get(parent, (uint32_t)(lba / unit), &block, &fail))
            status = say_fail(&fail);
        else
            f->new_blocks += any && !block.present;
    }
    free(mask);
    return status;
}

static bool parent_read(struct writer *w, uint64_t sector, void *buf, uint64_t sectors)
{
    return edit_read_at(w->f->edit, w->list, sector << SECTOR_SHIFT, buf, sectors << SECTOR_SHIFT);
}

static bool parent_write(struct writer *w, uint64_t sector, const void *buf, uint64_t sectors)
{
    return edit_write_at(w->f->edit, w->list, sector << SECTOR_SHIFT, buf, sectors << SECTOR_SHIFT);
}

/* Takes the note about the parent's slack away, or gives it back: all blocks are linked then. */
static bool write_note(struct writer *w, bool there)
{
    const struct slack *s = &w->f->slack;
    struct slack_tail tail;
    if (!s->now.noted || !w->f->new_blocks)
        return true;
    slack_tail_make(&tail, s, s->zero_from, s->now.limit + sizeof tail.footer);
    if (!there)
        memset(&tail, 0, sizeof tail);
    return parent_write(w, (s->now.limit - sizeof tail.note) >> SECTOR_SHIFT, &tail.note, 1) &&
           device_sync(&w->f->edit->session.device);
}

/* The sectors that the child stores, run by run; `first` is where the unit's own first one lies. */
static bool write_masked(struct writer *w, uint64_t first, uint32_t count)
{
    for (uint32_t at = 0; at < count;) { /* ends: at grows */
        uint32_t n = 1;
        while (at + n < count && w->mask[at + n] == w->mask[at])
            n++;
        if (w->mask[at] && !parent_write(w, first + at, w->data + (size_t)at * SECTOR_SIZE, n))
            return false;
        at += n;
    }
    return true;
}

/* Sets the bits of the child's sectors; `all` those of a whole unit. True where one was 0. */
static bool set_bits(struct writer *w, uint32_t count, bool all)
{
    bool changed = false;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t bit = (uint8_t)(0x80 >> (i & 7));
        if ((!all && !w->mask[i]) || w->bitmap[i >> 3] & bit)
            continue;
        w->bitmap[i >> 3] |= bit;
        changed = true;
    }
    return changed;
}

/* A block that the parent has. A differencing parent's bits come after the data that they uncover,
 * a dynamic one's before: facts that hold for the parent by itself, too. */
static bool write_present(struct writer *w, uint32_t data, uint32_t count)
{
    const struct slack *s = &w->f->slack;
    uint32_t bitmap = data - s->now.bitmap_sectors;
    bool differencing = w->f->parent->image.kind == IMAGE_DIFFERENCING;
    if (!parent_read(w, bitmap, w->bitmap, s->now.bitmap_sectors))
        return false;
    bool changed = set_bits(w, count, false);
    if (!differencing && changed && !parent_write(w, bitmap, w->bitmap, s->now.bitmap_sectors))
        return false;
    if (!write_masked(w, data, count))
        return false;
    return !differencing || !changed || parent_write(w, bitmap, w->bitmap, s->now.bitmap_sectors);
}

/* Links the blocks that wait: their bitmaps and data first have to be on the drive. */
static bool link_pending(struct writer *w)
{
    uint8_t sector[SECTOR_SIZE];
    if (!w->pendings)
        return true;
    if (!edit_sync(w->f->edit))
        return false;
    for (unsigned i = 0; i < w->pendings; i++) {
        uint64_t entry = (uint64_t)w->pending[i].block * sizeof(be32);
        uint64_t at = w->f->slack.now.bat_sector + entry / SECTOR_SIZE;
        be32 value = be32_make(w->pending[i].sector);
        if (!parent_read(w, at, sector, 1))
            return false;
        memcpy(sector + entry % SECTOR_SIZE, &value, sizeof value);
        if (!parent_write(w, at, sector, 1))
            return false;
    }
    w->pendings = 0;
    return edit_sync(w->f->edit);
}

/* A block that the parent lacks goes into its next slot, whole where every bit will be 1. */
static bool write_absent(struct writer *w, uint32_t block, uint32_t count)
{
    const struct slack *s = &w->f->slack;
    bool differencing = w->f->parent->image.kind == IMAGE_DIFFERENCING;
    if (w->next_slot == s->now.count) {
        errno = ENOSPC;
        return false;
    }
    uint32_t slot = s->now.first + w->next_slot++ * s->now.stride;
    memset(w->bitmap, 0, s->now.bitmap_sectors * SECTOR_SIZE);
    (void)set_bits(w, w->unit, !differencing);
    for (uint32_t i = 0; !differencing && i < w->unit; i++) {
        if (!w->mask[i])
            memset(w->data + (size_t)i * SECTOR_SIZE, 0, SECTOR_SIZE);
        w->mask[i] = 1;
    }
    if (!parent_write(w, slot, w->bitmap, s->now.bitmap_sectors) ||
        !write_masked(w, (uint64_t)slot + s->now.bitmap_sectors, differencing ? count : w->unit))
        return false;
    w->pending[w->pendings++] = (struct pending){block, slot};
    return w->pendings < PENDING_MAX || link_pending(w);
}

static enum status write_unit(struct writer *w, uint64_t lba, uint32_t count)
{
    struct fail fail;
    struct image *parent = &w->f->parent->image;
    struct image_block block = {0};
    bool any, ok;
    memset(w->mask, 0, w->unit);
    if (child_unit(&w->f->child->image, lba, count, w->mask, w->data, &any, &fail))
        return say_fail(&fail);
    if (!any)
        return STATUS_OK;
    progress_add((uint64_t)count << SECTOR_SHIFT);
    uint32_t index = (uint32_t)(lba / w->unit);
    if (parent->kind != IMAGE_FIXED && vhd_block_get(parent, index, &block, &fail))
        return say_fail(&fail);
    if (parent->kind == IMAGE_FIXED)
        ok = write_masked(w, lba, count);
    else if (block.present)
        ok = write_present(w, block.data, count);
    else
        ok = write_absent(w, index, count);
    return ok ? STATUS_OK : device_write_failed(&w->f->edit->session.device);
}

enum status absorb_run(struct absorb *f)
{
    uint64_t sectors = f->child->image.sectors;
    struct writer w = {
        .f = f, .list = &f->parent->extents, .unit = unit_sectors(&f->parent->image)};
    w.data = malloc((size_t)w.unit * SECTOR_SIZE);
    w.mask = malloc(w.unit);
    w.bitmap = malloc((size_t)f->slack.now.bitmap_sectors * SECTOR_SIZE + 1);
    enum status status = w.data && w.mask && w.bitmap ? STATUS_OK : say_no_memory();
    if (!status && !write_note(&w, false))
        status = device_write_failed(&f->edit->session.device);
    if (!status)
        status = merge_mark_set(f->edit, f->parent, IMAGE_MERGE_UNDER_WAY, f->child->image.id);
    progress_start("merging", f->child->image.allocated);
    for (uint64_t lba = 0; !status && lba < sectors; lba += w.unit) {
        uint64_t left = sectors - lba;
        status = write_unit(&w, lba, left < w.unit ? (uint32_t)left : w.unit);
    }
    if (!status && (!link_pending(&w) || !edit_sync(f->edit) || !write_note(&w, true)))
        status = device_write_failed(&f->edit->session.device);
    if (!status)
        status = merge_mark_set(f->edit, f->parent, IMAGE_MERGE_COMPLETE, f->child->image.id);
    progress_end();
    free(w.data);
    free(w.mask);
    free(w.bitmap);
    return status;
}
