/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The note that space for new blocks holds zeros (format.h): made and believed here alone. */
#ifndef CORE_VHD_NOTE_H
#define CORE_VHD_NOTE_H

#include <stdbool.h>
#include <stdint.h>
#include "core/vhd/format.h"

/* The note for byte `end` of the file of the image `id`: [first, end) holds zeros. */
void vhd_note_make(struct vhd_note *note, const uint8_t id[16], uint64_t first, uint64_t end);

/* Is this sector, found at byte `at` of the file of the image `id`, a note about this very place?
 * Then *first is where the zeros start. */
bool vhd_note_fits(const struct vhd_note *note, const uint8_t id[16], uint64_t at, uint64_t *first);

#endif
