/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What VHD and VHDX do the same way with bitmaps that say which sectors of a block count. */
#include "serve/leaf.h"

void leaf_run_by_bits(struct leaf_run *run, const uint8_t *bits, uint32_t bit, uint32_t unit,
                      enum bit_order order)
{
    uint64_t end = bit + run->count;
    run->count = bits_alike(bits, bit, end < unit ? (uint32_t)end : unit, order);
    if (!bit_get(bits, bit, order))
        run->state = IMAGE_ABSENT;
}

bool leaf_bits_put(uint8_t *bits, uint32_t bit, uint32_t end, bool set, enum bit_order order)
{
    bool changed = false;
    for (uint32_t i = bit; i < end; i++) {
        uint8_t mask = (uint8_t)(1u << ((i & 7) ^ order));
        changed |= !(bits[i >> 3] & mask) == set;
        bits[i >> 3] = (uint8_t)(set ? bits[i >> 3] | mask : bits[i >> 3] & ~mask);
    }
    return changed;
}
