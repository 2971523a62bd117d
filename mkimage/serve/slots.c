/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file grows by many slots at once: each growth takes a flush of the medium. What was not used
 * of it goes when the image is closed; after a cut it stays, as slack.
 */
#include "serve/slots.h"
#include <errno.h>
#include <string.h>
#include "core/base/bounds.h"
#include "core/base/note.h"
#include "core/vhd/format.h"

#define GROWTH_SECTORS (((uint64_t)128 << 20) / SECTOR_SIZE)
#define WRITE_FAILED   "writing the footer at byte %u failed"

int slots_open(struct slots *s, struct store *store, const struct image_slack *slack,
               struct fail *f)
{
    *s = (struct slots){.store = store,
                        .size = slack->bitmap_sectors + slack->block_sectors,
                        .stride = slack->stride,
                        .next = slack->first,
                        .limit = slack->limit,
                        .noted = slack->noted,
                        .zero_from = slack->limit};
    if (!recycle_open(&s->recycle))
        return store_fail(f, ENOMEM, "out of memory", 0);
    uint64_t size = store->size - s->limit;
    if (size > sizeof s->footer)
        size = sizeof s->footer;
    int error = store->read(store, s->footer, (size_t)size, s->limit);
    return store_fail(f, error, "the footer at byte %u could not be read", s->limit);
}

void slots_close(struct slots *s)
{
    recycle_close(&s->recycle);
}

/* Puts the footer at byte `limit`, on the medium, and takes the old one away, which must not show
 * up in a block. */
static int footer_move(struct slots *s, uint64_t limit)
{
    int error = s->store->write(s->store, s->footer, sizeof s->footer, limit);
    if (!error)
        error = store_sync(s->store);
    if (error)
        return error;
    uint64_t old = s->limit;
    if (!s->grew)
        s->zero_from = old;
    s->grew = true;
    s->limit = limit;
    error = s->store->zero(s->store, VHD_FOOTER_SIZE, old, false);
    if (error)
        s->zero_from = old + VHD_FOOTER_SIZE;
    return error;
}

/* Makes room for at least one more slot: for many, or, where the file cannot be so long, for one.
 */
static int grow(struct slots *s, struct fail *f)
{
    uint64_t most = VHD_BAT_ABSENT - 1; /* the last sector that a BAT can name, and the footer's */
    uint64_t many = s->next + GROWTH_SECTORS / s->stride * s->stride;
    uint64_t one = s->next + s->size;
    if (one > most)
        return store_refuse(f, EFBIG, "a VHD's file can have no more than 2 TiB", 0);
    int error = EFBIG;
    if (many > one && many <= most)
        error = footer_move(s, many << SECTOR_SHIFT);
    if (error && !s->store->unsure && s->limit < one << SECTOR_SHIFT)
        error = footer_move(s, one << SECTOR_SHIFT);
    return store_fail(f, error, WRITE_FAILED, one << SECTOR_SHIFT);
}

int slots_forget_note(struct slots *s, struct fail *f)
{
    if (!s->noted)
        return 0;
    uint64_t at = s->limit - SLACK_NOTE_SIZE; /* the file has not grown yet */
    int error = s->store->zero(s->store, SLACK_NOTE_SIZE, at, false);
    if (!error)
        error = store_sync(s->store);
    s->noted = error != 0;
    return store_fail(f, error, "the note at byte %u could not be taken away", at);
}

int slots_take(struct slots *s, uint32_t *start, uint64_t *dirty_end, struct fail *f)
{
    int error = slots_forget_note(s, f);
    if (error)
        return error;
    if (recycle_take(&s->recycle, start)) {
        *dirty_end = ((uint64_t)*start + s->size) << SECTOR_SHIFT;
        return 0;
    }
    if ((s->next + s->size) << SECTOR_SHIFT > s->limit) {
        if (!s->store->grows)
            return store_refuse(
                f, ENOSPC, "no room is left inside the VHD file: mkimage reserve makes some", 0);
        error = grow(s, f);
        if (error)
            return error;
    }
    *start = (uint32_t)s->next;
    uint64_t end = (s->next + s->size) << SECTOR_SHIFT;
    *dirty_end = end < s->zero_from ? end : s->zero_from;
    s->next += s->stride;
    return 0;
}

uint64_t slots_left(const struct slots *s)
{
    uint64_t limit = s->limit >> SECTOR_SHIFT;
    uint64_t fresh = limit >= s->next + s->size ? (limit - s->next - s->size) / s->stride + 1 : 0;
    return fresh + s->recycle.ready_count + s->recycle.pending_count;
}

int slots_trim(struct slots *s, uint64_t used_end, struct fail *f)
{
    uint64_t limit = round_up_shift(used_end, SECTOR_SHIFT);
    if (!s->grew || limit >= s->limit)
        return 0;
    int error = s->store->write(s->store, s->footer, sizeof s->footer, limit);
    if (!error)
        error = store_sync(s->store);
    if (!error)
        error = s->store->resize(s->store, limit + sizeof s->footer);
    if (!error)
        error = store_sync(s->store);
    s->limit = limit;
    return store_fail(f, error, WRITE_FAILED, limit);
}
