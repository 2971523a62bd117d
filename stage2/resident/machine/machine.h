/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The handler's only way to the machine: far memory, the BIOS, extended memory. This is the real
 * one, for 16-bit code, mostly machine.asm; unit tests put a simulated machine with the same names
 * in its place (tests/machine/machine.h), so nothing else here may use assembly.
 */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include "resident/frame.h"

/* Copies `size` bytes between linear addresses, to the handler's own memory, and from it. Both
 * ranges end below FAR_END, and size is at most 65520. */
void machine_copy(uint32_t to, uint32_t from, uint32_t size);
void machine_get(void *to, uint32_t from, uint32_t size);
void machine_put(uint32_t to, const void *from, uint32_t size);

/* A byte of the first 64 KiB. */
uint8_t machine_get8(uint16_t address);
void machine_set8(uint16_t address, uint8_t value);

/* Zeroes `size` bytes, a multiple of 4; as machine_copy. */
void machine_zero(uint32_t to, uint32_t size);

/* Linear address of one of the handler's own objects. */
uint32_t machine_linear(const void *object);

static inline uint16_t machine_segment(void)
{
    uint16_t cs;
    __asm__("movw %%cs, %w0" : "=r"(cs));
    return cs;
}

/* Near address of an object. */
static inline uint16_t machine_offset(const void *object)
{
    return (uint16_t)(uint32_t)object;
}

/* PE=1 under real-mode code means virtual-8086 mode. SMSW is not privileged. */
static inline bool machine_protected(void)
{
    uint32_t msw;
    __asm__ volatile("smsw %0" : "=r"(msw));
    return msw & 1;
}

/*
 * Calls a vector saved at hook time (a far pointer) as INT would, or, where it is 0, executes the
 * instruction INT 15h, the one thing that a V86 monitor sees. Registers come from and go to `regs`,
 * whatever the BIOS does to the others; interrupts are enabled afterwards. Returns CF.
 */
bool machine_call(uint32_t vector);

/* Copies dwords from a physical address into the handler's memory through protected mode. Only
 * where machine_protected() is false; false: A20 is off and nothing was copied. */
bool machine_copy_high(void *to, uint32_t from, uint32_t dwords);

/* Switches A20 off where it is on: by the BIOS's AX=2400h, else by port 92h. Real mode only. */
void machine_a20_off(void);

#endif
