/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bitmaps as formats have them, and bytes that are all alike. */
#ifndef CORE_BASE_BITS_H
#define CORE_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which bit of a byte is the first: VHD begins with the most significant one, VHDX and NTFS with
 * the least. The number is what turns the one order into the other. */
enum bit_order { BITS_LSB_FIRST = 0, BITS_MSB_FIRST = 7 };

static inline bool bit_get(const uint8_t *bits, uint32_t i, enum bit_order order)
{
    return bits[i >> 3] >> ((i ^ order) & 7) & 1;
}

/* How many bits from `at` (< end) on, below `end`, are alike. Looks at no byte beyond `end`. */
uint32_t bits_alike(const uint8_t *bits, uint32_t at, uint32_t end, enum bit_order order);

/* Are all `size` bytes equal to `value`? */
bool bytes_are(const void *data, size_t size, uint8_t value);

#endif
