/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A note counts whole or not at all: of another file, for another place, half written or changed
 * it says nothing.
 */
#include "core/base/note.h"
#include "core/base/bounds.h"
#include "core/base/crc32.h"
#include "core/base/mem.h"

static uint32_t note_sum(const struct slack_note *note)
{
    struct slack_note plain = *note;
    memset(&plain.sum, 0, sizeof plain.sum);
    return crc32_ieee(0, &plain, sizeof plain);
}

void slack_note_make(struct slack_note *note, const uint8_t id[16], uint64_t first, uint64_t end)
{
    memset(note, 0, sizeof *note);
    memcpy(note->cookie, SLACK_NOTE_COOKIE, sizeof note->cookie);
    note->revision = be32_make(SLACK_NOTE_REVISION);
    note->first = be64_make(first);
    note->end = be64_make(end);
    memcpy(note->id, id, sizeof note->id);
    note->sum = be32_make(note_sum(note));
}

bool slack_note_fits(const struct slack_note *note, const uint8_t id[16], uint64_t at,
                     uint64_t *first)
{
    *first = be64_get(note->first);
    return !memcmp(note->cookie, SLACK_NOTE_COOKIE, sizeof note->cookie) &&
           be32_get(note->revision) == SLACK_NOTE_REVISION &&
           be32_get(note->sum) == note_sum(note) && !memcmp(note->id, id, sizeof note->id) &&
           be64_get(note->end) == at && *first <= at && !(*first & (SECTOR_SIZE - 1));
}
