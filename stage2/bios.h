/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one way from stage2's 32-bit C to the BIOS. */
#ifndef STAGE2_BIOS_H
#define STAGE2_BIOS_H

#include <stdbool.h>
#include <stdint.h>

#define BIOS_CARRY 1u

/* Offsets are shared with bios_call.asm through build/offsets.inc. */
struct bios_regs {
    uint32_t eax, ebx, ecx, edx, esi, edi, ebp;
    uint16_t ds, es;
    uint32_t eflags; /* out only; interrupts are enabled and DF is clear during the call */
};

/* Runs INT `vector` in real mode with these registers and stores what comes back. Whatever the BIOS
 * does to the stack's registers, A20, IF or DF does not reach the caller. */
void bios_call(uint8_t vector, struct bios_regs *regs);

static inline bool bios_failed(const struct bios_regs *regs)
{
    return regs->eflags & BIOS_CARRY;
}

#endif
