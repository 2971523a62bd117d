/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The handler's only way to the machine: far memory, the BIOS, extended memory. This is the real
 * one, for 16-bit code, mostly the .asm files beside it; unit tests put a simulated machine
 * with the same names in its place (tests/machine/machine.h), so nothing else here may use
 * assembly.
 */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

/* Copies `size` bytes between linear addresses, to the handler's own memory, and from it. Both
 * ranges end below FAR_END, and size is at most 65520; a multiple of 4, but machine_put()'s. */
void machine_copy(uint32_t to, uint32_t from, uint32_t size);
void machine_get(void *to, uint32_t from, uint32_t size);
void machine_put(uint32_t to, const void *from, uint32_t size);

/* A byte of the first 64 KiB. */
uint8_t machine_get8(uint16_t address);
void machine_set8(uint16_t address, uint8_t value);

/* Zeroes `size` bytes, a multiple of 4; as machine_copy. */
void machine_zero(uint32_t to, uint32_t size);

/* Ends the request with this status: int13_finish() runs on the emptied stack. */
_Noreturn void machine_throw(uint32_t status);

/* The low half of lba >> shift; shift < 32. */
static inline uint32_t machine_shift(uint64_t lba, uint32_t shift)
{
    uint32_t low = (uint32_t)lba;
    __asm__("shrdl %%cl, %1, %0" : "+r"(low) : "r"((uint32_t)(lba >> 32)), "c"(shift));
    return low;
}

/* Bit n of a bitmap, most significant bit of a byte first. */
static inline void machine_bit_set(uint8_t *bits, uint32_t n)
{
    __asm__("btsl %1, %0" : "+m"(*(uint8_t(*)[512])bits) : "r"(n ^ 7));
}

/* Are all of so many dwords of the handler's own 0? */
static inline bool machine_all_zero(const void *object, uint32_t dwords)
{
    bool zero;
    __asm__("cmp %%eax, %%eax\n\trepe scasl" /* none: yes */
            : "=@cce"(zero), "+D"(object), "+c"(dwords)
            : "a"(0)
            : "memory");
    return zero;
}

/* Linear address of one of the handler's own objects. */
uint32_t machine_linear(const void *object);

/* PE=1 under real-mode code means virtual-8086 mode. SMSW is not privileged. */
static inline bool machine_protected(void)
{
    uint32_t msw;
    __asm__ volatile("smsw %0" : "=r"(msw));
    return msw & 1;
}

/* Virtual DMA Services: true where a memory manager says that the piece's buffer lies in physical
 * memory at the address that it has, and keeps it there until machine_unlock(). machine_throw()
 * unlocks as well. Only in virtual-8086 mode. */
bool machine_lock(void);
void machine_unlock(void);

/* Transfers `piece` from or to a drive of the map, by one call of the BIOS, or up to three where it
 * fails. Returns the status. */
uint8_t machine_drive(uint32_t drive);

/* Copies dwords between memory above FAR_END and memory below. In real mode by the quick way,
 * through protected mode, else by the BIOS; ends the request with 20h where neither can. */
void machine_copy_high(uint32_t to, uint32_t from, uint32_t dwords);

/* Opens all memory to machine_peek(), in real mode where A20 is on: then machine_opened is not 0,
 * and interrupts are disabled, until machine_close(). In between nothing else of the above is
 * called but machine_throw(), which closes. */
extern uint8_t machine_opened;
void machine_open(void);
void machine_close(void);

static inline uint64_t machine_peek(uint32_t address)
{
    return *(const uint64_t __seg_gs *)address;
}

#endif
