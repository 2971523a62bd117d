/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A simulated machine under the resident handler's C: memory below 1 MiB, a BIOS with quirks,
 * extended memory. Same names as stage2/resident/machine/machine.h; test_resident.c brings the
 * bodies.
 */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include "resident/frame.h"

void machine_copy(uint32_t to, uint32_t from, uint32_t size);
void machine_get(void *to, uint32_t from, uint32_t size);
void machine_put(uint32_t to, const void *from, uint32_t size);
uint8_t machine_get8(uint16_t address);
void machine_set8(uint16_t address, uint8_t value);
void machine_zero(uint32_t to, uint32_t size);
uint32_t machine_linear(const void *object);
uint16_t machine_segment(void);
uint16_t machine_offset(const void *object);
bool machine_protected(void);
bool machine_call(uint32_t vector);
bool machine_copy_high(void *to, uint32_t from, uint32_t dwords);
void machine_a20_off(void);

#endif
