/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers, as entry.asm pushes the caller's on the handler's own stack and gives them back from
 * there.
 */
#ifndef RESIDENT_FRAME_H
#define RESIDENT_FRAME_H

#include <stdint.h>
#include "core/base/bounds.h"

/* One register, with the names of its parts. */
union reg {
    uint32_t x;
    uint16_t w;
    struct {
        uint8_t l, h;
    };
};

struct frame {
    uint16_t gs, fs, es, ds;
    union reg di, si, bp, sp, b, d, c, a; /* sp has no meaning */
};
static_assert(sizeof(struct frame) == 40, "frame");

extern struct frame frame; /* the caller's registers; at the top of the stack */

#endif
