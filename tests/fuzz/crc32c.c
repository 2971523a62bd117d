/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crc32c for the fuzzers, in place of core's: the same function by the processor's instruction for
 * it, twenty times as fast. Unit tests cover core's own.
 */
#include <string.h>
#include "core/base/crc32c.h"

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *p,
                                                                 size_t len)
{
    unsigned long long eight = crc;
    for (; len >= 8; len -= 8, p += 8) {
        unsigned long long word;
        memcpy(&word, p, 8);
        eight = __builtin_ia32_crc32di(eight, word);
    }
    crc = (uint32_t)eight;
    for (; len; len--, p++)
        crc = __builtin_ia32_crc32qi(crc, *p);
    return crc;
}

static uint32_t by_bit(uint32_t crc, const uint8_t *p, size_t len)
{
    for (; len; len--, p++) {
        crc ^= *p;
        for (unsigned i = 0; i < 8; i++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return crc;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
    return ~(__builtin_cpu_supports("sse4.2") ? by_instruction : by_bit)(~crc, data, len);
}
