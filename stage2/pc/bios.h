/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one way from stage2's 32-bit C to the BIOS, and to what lies in its memory. */
#ifndef STAGE2_PC_BIOS_H
#define STAGE2_PC_BIOS_H

#include <stdbool.h>
#include <stdint.h>

#define BIOS_CARRY 0x01u
#define BIOS_ZERO  0x40u

/* Offsets are shared with bios_call.asm through build/stage2/offsets.inc. */
struct bios_regs {
    uint32_t eax, ebx, ecx, edx, esi, edi, ebp;
    uint16_t ds, es;
    uint32_t eflags; /* out only; interrupts are enabled and DF is clear during the call */
};

/* Runs INT `vector` in real mode with these registers and stores what comes back. Whatever the BIOS
 * does to the stack's registers, A20, IF or DF does not reach the caller. */
void bios_call(uint8_t vector, struct bios_regs *regs);

/* Runs the real-mode code at a far pointer (segment in the high half) in the same way, as an
 * interrupt: FLAGS, CS, IP on the stack and interrupts off. It may end with IRET or RETF, or never.
 */
void bios_call_far(uint32_t target, struct bios_regs *regs);

/* Sleeps until the next interrupt has been served. */
void bios_idle(void);

/* What lies at `address` below 1 MiB. Tests put it elsewhere. */
#ifndef BIOS_LOW_MEMORY
#define BIOS_LOW_MEMORY 0
#endif
static inline volatile void *bios_data(uint32_t address)
{
    uintptr_t place = (uintptr_t)BIOS_LOW_MEMORY + address;
    __asm__("" : "+r"(place)); /* gcc takes pointers below 4096 for mistakes */
    return (volatile void *)place;
}

/* The far pointer of interrupt `number`, its segment in the high half. */
static inline uint32_t bios_vector(uint8_t number)
{
    return *(volatile uint32_t *)bios_data(number * 4u);
}

static inline void bios_vector_set(uint8_t number, uint32_t target)
{
    *(volatile uint32_t *)bios_data(number * 4u) = target;
}

static inline bool bios_failed(const struct bios_regs *regs)
{
    return regs->eflags & BIOS_CARRY;
}

/* Points ds:esi, or es:edi, at stage2's own memory, which lies below 1 MiB. */
static inline void bios_ds_esi(struct bios_regs *regs, const void *low)
{
    regs->ds = (uint16_t)((uintptr_t)low >> 4);
    regs->esi = (uintptr_t)low & 15;
}

static inline void bios_es_edi(struct bios_regs *regs, const void *low)
{
    regs->es = (uint16_t)((uintptr_t)low >> 4);
    regs->edi = (uintptr_t)low & 15;
}

#endif
