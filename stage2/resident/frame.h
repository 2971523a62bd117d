/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers, as entry.asm pushes the caller's on the handler's own stack and gives them back from
 * there, and as machine.asm gives them to the BIOS. Offsets reach NASM through
 * build/resident/offsets.inc.
 */
#ifndef RESIDENT_FRAME_H
#define RESIDENT_FRAME_H

#include <stdint.h>
#include "core/check.h"

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

extern uint8_t caller_carry;       /* CF of the FLAGS that the caller gets back: 0 or 1 */
extern struct frame frame;         /* the caller's registers; at the top of the stack */
extern struct frame regs;          /* for and from machine_call; in machine.asm */

#endif
