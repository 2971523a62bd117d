/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For what is slow in 32 bits, where the processor has 64. */
#ifndef STAGE2_PC_LONG_MODE_H
#define STAGE2_PC_LONG_MODE_H

#include <stdbool.h>
#include <stdint.h>

/* Does the processor have 64-bit (long) mode? */
bool long_mode_exists(void);

/* Calls 64-bit code that needs no relocation, as a function of two numbers, and returns its result.
 * It reaches the first 2 MiB, and may call nothing of stage2. Writes over the disk buffer. */
uint32_t long_mode_call(const void *code, uint32_t a, uint32_t b);

#endif
