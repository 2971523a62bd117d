/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's memory: finds it, lends it to core, picks the place where the map stays. */
#ifndef STAGE2_PC_MEMORY_H
#define STAGE2_PC_MEMORY_H

#include <stdint.h>
#include "core/base/arena.h"
#include "core/base/errors.h"

/* Asks E820h, else E801h, else 88h. ERR_MEMORY where there is no usable extended memory. */
MUST_CHECK enum err memory_init(struct fail *f);

/* The largest usable range above 1 MiB and below 4 GiB, as an arena. */
void memory_arena(struct arena *a);

/* The place for `bytes` of the map: ends at the top of the highest usable range below 4 GiB, 4 KiB
 * aligned. ERR_MEMORY, with the figure, where none is large enough. The arena may overlap it. */
MUST_CHECK enum err memory_map_place(uint64_t bytes, uint64_t *start, uint64_t *end,
                                     struct fail *f);

/* First byte above conventional memory, from 0040:0013, trimmed by what E820h says. */
uint32_t memory_low_end(void);

#endif
