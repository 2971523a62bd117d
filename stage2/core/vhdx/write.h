/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has to change in a VHDX before it may be written in place: its header, once. Never writes
 * itself; promises that a write of the page that is torn, or never happens, leaves the file as
 * valid as it was.
 */
#ifndef CORE_VHDX_WRITE_H
#define CORE_VHDX_WRITE_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"

struct image;

enum vhdx_change {
    VHDX_CHANGES_FILE, /* the disk's contents stay as they are: children stay what they are */
    VHDX_CHANGES_DISK,
};

/*
 * The header that says that the file, or the disk's contents too, are about to change, and where in
 * the file it goes: over the header that does not count. `seed` is to be as random as can be had;
 * with the same one again the ids still differ from one call's header to the next. Fails where the
 * log has not been replayed, or the image is otherwise marked read-only.
 */
MUST_CHECK enum err vhdx_header_next(const struct image *image, enum vhdx_change change,
                                     const uint8_t seed[16], uint8_t page[4096],
                                     uint64_t *file_offset, struct fail *f);

/*
 * The note about the slack (core/base/note.h), where there is one that counts, as it has to be for
 * the header that vhdx_header_next() made, and where in the file it goes: when that one is on the
 * medium. Until then there is no note that counts. False: there is none.
 */
bool vhdx_note_next(const struct image *image, const uint8_t page[4096], uint8_t note[512],
                    uint64_t *file_offset);

#endif
