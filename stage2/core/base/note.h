/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The note that space for new blocks holds zeros: made and believed here alone.
 *
 * Who fills slack with zeros says so in the sector in front of a VHD's footer, or in the last one
 * of a VHDX's file. It vouches for the bytes [first, end) of the file, whose end is where it lies
 * itself. To other programs it is a part of the free space.
 */
#ifndef CORE_BASE_NOTE_H
#define CORE_BASE_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"

#define SLACK_NOTE_SIZE     512u
#define SLACK_NOTE_COOKIE   "vhdbzero"
#define SLACK_NOTE_REVISION 1

struct slack_note {
    uint8_t cookie[8];     /* 0x00: "vhdbzero" */
    be32 revision;         /* 0x08: 1 */
    be32 sum;              /* 0x0c: CRC-32 of the sector, this field taken as zero */
    be64 first;            /* 0x10: bytes, a multiple of 512 */
    be64 end;              /* 0x18: bytes: the note's own place */
    uint8_t id[16];        /* 0x20: VHD: the footer's; VHDX: the header's file-write GUID, which
                            * every program renews that writes to the file */
    uint8_t reserved[464]; /* 0x30: zeros */
};
static_assert(sizeof(struct slack_note) == SLACK_NOTE_SIZE, "note");
static_assert(offsetof(struct slack_note, sum) == 0x0c, "note's sum");
static_assert(offsetof(struct slack_note, first) == 0x10, "note's range");
static_assert(offsetof(struct slack_note, id) == 0x20, "note's id");
static_assert(offsetof(struct slack_note, reserved) == 0x30, "note's end");

/* The note for byte `end` of the file of the image `id`: [first, end) holds zeros. */
void slack_note_make(struct slack_note *note, const uint8_t id[16], uint64_t first, uint64_t end);

/* Is this sector, found at byte `at` of the file of the image `id`, a note about this very place?
 * Then *first is where the zeros start. */
bool slack_note_fits(const struct slack_note *note, const uint8_t id[16], uint64_t at,
                     uint64_t *first);

#endif
