/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order, in which the file has a good footer at its end throughout: zeros and the footer beyond
 * the old end, which nothing refers to yet; the file's new size; when that is on the disk, zeros
 * over the old footer and the old note; and when those are there, the note that all is zeros.
 */
#include "flash/grow.h"
#include "cli/progress.h"
#include "core/vhdx/format.h"
#include "host/device.h"

static const uint8_t zeros[sizeof(struct slack_tail)];

enum status grow_slots(struct edit *e, const char *path, const struct slack *s, uint32_t add,
                       const struct extent_list *list, uint32_t *pieces)
{
    uint64_t size = slack_size(s, add);
    if (!size)
        return slack_too_large(path, "Choose a smaller --size.");
    if (size <= s->file_size && !s->bitmaps)
        return STATUS_OK;
    struct edit_content content = {
        .back = s->footer, .back_size = slack_footer_size(s), .size = size};
    if (!e->rehearsal)
        progress_start("reserving", size - s->file_size);
    enum status status =
        size > s->file_size ? edit_extend(e, path, s->file_size, &content, pieces) : STATUS_OK;
    progress_end();
    if (status || e->rehearsal)
        return status;
    uint64_t tail, old = slack_old_tail(s, &tail);
    if ((tail && !edit_write_at(e, list, old, zeros, tail)) || !edit_sync(e))
        return device_write_failed(&e->session.device);
    return STATUS_OK;
}

/* A file of the flash, with the extents that it has. */
struct place {
    struct edit *edit;
    const struct extent_list *list;
};

static bool place_io(void *ctx, uint64_t off, void *buf, size_t size, bool write)
{
    const struct place *p = ctx;
    return write ? edit_write_at(p->edit, p->list, off, buf, size)
                 : edit_read_at(p->edit, p->list, off, buf, size);
}

/* Zeros where sector bitmaps are to be. */
static bool bitmaps_clear(const struct slack *s, struct place *p)
{
    static uint8_t piece[1 << 16];
    uint64_t end = s->bitmap_at + ((uint64_t)s->bitmaps << VHDX_MIB_SHIFT);
    for (uint64_t at = s->bitmap_at; s->bitmaps && at < end; at += sizeof piece)
        if (!place_io(p, at, piece, sizeof piece, true))
            return false;
    return true;
}

enum status grow_note(struct edit *e, const struct slack *s, uint32_t add,
                      const struct extent_list *list)
{
    uint64_t size = slack_size(s, add);
    struct slack_tail tail;
    struct place place = {e, list};
    if (size <= s->file_size && !s->bitmaps)
        return STATUS_OK;
    if (!bitmaps_clear(s, &place) || !edit_sync(e) || !slack_bitmaps_link(s, place_io, &place) ||
        !edit_sync(e))
        return device_write_failed(&e->session.device);
    slack_tail_make(&tail, s, s->zero_from, size);
    if (!edit_write_at(e, list, size - slack_tail_size(s), &tail.note, sizeof tail.note) ||
        !edit_sync(e))
        return device_write_failed(&e->session.device);
    return STATUS_OK;
}
