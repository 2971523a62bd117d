/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Goes by whole bytes where it can: bitmaps are mostly all ones or all zeros. */
#include "core/base/bits.h"
#include "core/base/mem.h"

uint32_t bits_alike(const uint8_t *bits, uint32_t at, uint32_t end, enum bit_order order)
{
    bool value = bit_get(bits, at, order);
    uint8_t whole = value ? 0xff : 0;
    uint32_t i = at + 1;
    while (i < end) { /* ends: i grows by 1 or 8 */
        if (!(i & 7) && end - i >= 8 && bits[i >> 3] == whole) {
            i += 8;
            continue;
        }
        if (bit_get(bits, i, order) != value)
            break;
        i++;
    }
    return i - at;
}

/* Each byte is the one before it: hosts compare by wide words. */
bool bytes_are(const void *data, size_t size, uint8_t value)
{
    const uint8_t *bytes = data;
    return !size || (bytes[0] == value && !memcmp(bytes, bytes + 1, size - 1));
}
