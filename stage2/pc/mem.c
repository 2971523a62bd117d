/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The four functions that core and the compiler expect (core/base/mem.h). String instructions:
 * small, and the fastest there is on the oldest machines.
 */
#include "core/base/mem.h"
#include <stdint.h>

void *memcpy(void *restrict dest, const void *restrict src, size_t n)
{
    void *to = dest;
    size_t words = n >> 2;
    size_t rest = n & 3;
    __asm__ volatile("rep movsl\n\tmov %3, %2\n\trep movsb"
                     : "+D"(to), "+S"(src), "+c"(words)
                     : "r"(rest)
                     : "memory");
    return dest;
}

void *memmove(void *dest, const void *src, size_t n)
{
    if ((uintptr_t)dest - (uintptr_t)src >= n) /* dest below src, or no overlap */
        return memcpy(dest, src, n);

    void *to = (uint8_t *)dest + n - 1;
    const void *from = (const uint8_t *)src + n - 1;
    __asm__ volatile("std\n\trep movsb\n\tcld" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    return dest;
}

void *memset(void *dest, int c, size_t n)
{
    void *to = dest;
    size_t words = n >> 2;
    size_t rest = n & 3;
    uint32_t pattern = (uint8_t)c * 0x01010101u;
    __asm__ volatile("rep stosl\n\tmov %2, %1\n\trep stosb"
                     : "+D"(to), "+c"(words)
                     : "r"(rest), "a"(pattern)
                     : "memory");
    return dest;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *p = a;
    const uint8_t *q = b;
    for (size_t i = 0; i < n; i++) {
        if (p[i] != q[i])
            return p[i] - q[i];
    }
    return 0;
}
