/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A simulated machine under the resident handler's C: memory below 1 MiB, a BIOS with quirks,
 * extended memory. Same names as stage2/resident/machine/machine.h; sim.h brings the bodies.
 */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

void machine_copy(uint32_t to, uint32_t from, uint32_t size);
void machine_get(void *to, uint32_t from, uint32_t size);
void machine_put(uint32_t to, const void *from, uint32_t size);
uint8_t machine_get8(uint16_t address);
void machine_set8(uint16_t address, uint8_t value);
void machine_zero(uint32_t to, uint32_t size);
uint32_t machine_linear(const void *object);
bool machine_protected(void);
_Noreturn void machine_throw(uint32_t status);
bool machine_lock(void);
void machine_unlock(void);
uint8_t machine_drive(uint32_t drive);
extern uint8_t machine_opened;
void machine_open(void);
void machine_close(void);
uint64_t machine_peek(uint32_t address);
void machine_copy_high(uint32_t to, uint32_t from, uint32_t dwords);

static inline void machine_bit_set(uint8_t *bits, uint32_t n)
{
    bits[n >> 3] |= 0x80 >> (n & 7);
}

static inline bool machine_all_zero(const void *object, uint32_t dwords)
{
    const uint8_t *byte = object;
    for (uint32_t i = 0; i < dwords * 4; i++)
        if (byte[i])
            return false;
    return true;
}

static inline uint32_t machine_shift(uint64_t lba, uint32_t shift)
{
    return (uint32_t)(lba >> shift);
}

#endif
