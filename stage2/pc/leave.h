/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way out of stage2 for good, with nothing of it left: its own memory may be overwritten. */
#ifndef STAGE2_PC_LEAVE_H
#define STAGE2_PC_LEAVE_H

#include <stdint.h>

struct leave_move {
    uint32_t from, to, bytes;
};

/* Offsets are shared with leave.asm through build/stage2/offsets.inc. */
struct leave {
    struct leave_move move[2]; /* made in this order; `from` lies above 1 MiB, `to` nowhere in
                                * [LEAVE_ADDRESS, LEAVE_END) */
    uint32_t edi, esi, ebp, unused, ebx, edx, ecx, eax; /* as POPAD takes them */
    uint16_t es, ds;                                    /* FS and GS become 0 */
    uint32_t esp;
    uint16_t ss;
    uint16_t interrupts; /* IF */
    uint16_t ip, cs;     /* where to; 0:LEAVE_ADDRESS: INT 18h, and INT 19h where that comes back */
};

/* Makes the moves and jumps, in real mode, A20 on, DF = 0. */
void leave_stage2(const struct leave *leave) __attribute__((noreturn));

#endif
