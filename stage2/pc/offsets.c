/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compiled to assembly only: each OFFSET becomes a line `->NAME number` in it, and stage2.mk turns
 * those into build/stage2/offsets.inc for NASM.
 */
#include <stddef.h>
#include "core/base/bounds.h"
#include "pc/bios.h"
#include "pc/leave.h"
#include "pc/trap.h"

#define OFFSET(name, value) __asm__ volatile("\n->" #name " %c0" : : "i"(value))

void offsets(void);

void offsets(void)
{
    OFFSET(BIOS_REGS_EAX, offsetof(struct bios_regs, eax));
    OFFSET(BIOS_REGS_EBX, offsetof(struct bios_regs, ebx));
    OFFSET(BIOS_REGS_ECX, offsetof(struct bios_regs, ecx));
    OFFSET(BIOS_REGS_EDX, offsetof(struct bios_regs, edx));
    OFFSET(BIOS_REGS_ESI, offsetof(struct bios_regs, esi));
    OFFSET(BIOS_REGS_EDI, offsetof(struct bios_regs, edi));
    OFFSET(BIOS_REGS_EBP, offsetof(struct bios_regs, ebp));
    OFFSET(BIOS_REGS_DS, offsetof(struct bios_regs, ds));
    OFFSET(BIOS_REGS_ES, offsetof(struct bios_regs, es));
    OFFSET(BIOS_REGS_EFLAGS, offsetof(struct bios_regs, eflags));
    OFFSET(BIOS_REGS_SIZE, sizeof(struct bios_regs));
    OFFSET(LEAVE_MOVE, offsetof(struct leave, move));
    OFFSET(LEAVE_MOVE_SIZE, sizeof(struct leave_move));
    OFFSET(LEAVE_REGISTERS, offsetof(struct leave, edi));
    OFFSET(LEAVE_ESP, offsetof(struct leave, esp));
    OFFSET(LEAVE_INTERRUPTS, offsetof(struct leave, interrupts));
    OFFSET(LEAVE_IP, offsetof(struct leave, ip));
    OFFSET(LEAVE_SIZE, sizeof(struct leave));
    OFFSET(TRAP_STUB_SIZE, TRAP_STUB_SIZE);
}

static_assert(sizeof(struct bios_regs) % 4 == 0, "copied by dwords");
static_assert(offsetof(struct leave, es) == offsetof(struct leave, edi) + 32, "popped in a row");
static_assert(offsetof(struct leave, ss) == offsetof(struct leave, esp) + 4, "loaded by LSS");
static_assert(offsetof(struct leave, cs) == offsetof(struct leave, ip) + 2, "a far pointer");
