/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order, in which the file has a good footer at its end throughout: zeros and the footer beyond
 * the old end, which nothing refers to yet; the file's new size; when that is on the disk, zeros
 * over the old footer and the old note; and when those are there, the note that all is zeros.
 */
#include "flash/grow.h"
#include "cli/progress.h"
#include "core/vhd/format.h"
#include "host/device.h"

static const uint8_t zeros[sizeof(struct slack_tail)];

enum status grow_slots(struct edit *e, const char *path, const struct slack *s, uint32_t add,
                       const struct extent_list *list, uint32_t *pieces)
{
    uint64_t size = slack_size(s, add);
    if (!size)
        return slack_too_large(path, "Choose a smaller --size.");
    struct edit_content content = {.back = s->footer, .back_size = sizeof s->footer, .size = size};
    if (!e->rehearsal)
        progress_start("reserving", size - s->file_size);
    enum status status = edit_extend(e, path, s->file_size, &content, pieces);
    progress_end();
    if (status || e->rehearsal)
        return status;
    uint64_t old = slack_old_tail(s);
    if (!edit_write_at(e, list, old, zeros, s->now.limit + VHD_FOOTER_SIZE - old) || !edit_sync(e))
        return device_write_failed(&e->session.device);
    return STATUS_OK;
}

enum status grow_note(struct edit *e, const struct slack *s, uint32_t add,
                      const struct extent_list *list)
{
    uint64_t size = slack_size(s, add);
    struct slack_tail tail;
    if (size <= s->file_size)
        return STATUS_OK;
    slack_tail_make(&tail, s, s->zero_from, size);
    if (!edit_write_at(e, list, size - sizeof tail, &tail.note, sizeof tail.note) || !edit_sync(e))
        return device_write_failed(&e->session.device);
    return STATUS_OK;
}
