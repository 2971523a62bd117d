/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hands out from the bottom of one block; what is asked for is compared with what is left. */
#include "core/base/arena.h"
#include "core/base/mem.h"

#define ARENA_ALIGN 16u

void arena_init(struct arena *a, void *base, size_t size)
{
    size_t skip = (ARENA_ALIGN - (uintptr_t)base % ARENA_ALIGN) % ARENA_ALIGN;
    if (skip > size)
        skip = size;
    *a = (struct arena){.base = (uint8_t *)base + skip, .size = size - skip};
}

void *arena_alloc(struct arena *a, uint64_t size)
{
    size_t left = arena_left(a);
    if (size > left)
        return NULL;

    uint8_t *p = a->base + a->used;
    size_t rounded = ((size_t)size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    if (rounded < (size_t)size || rounded > left)
        rounded = left;
    if (a->grow && a->used + rounded > a->ready && !a->grow(a, a->used + rounded))
        return NULL;
    a->used += rounded;
    if (a->used > a->peak)
        a->peak = a->used;
    memset(p, 0, (size_t)size);
    return p;
}

void *arena_array(struct arena *a, uint64_t count, size_t size)
{
    uint64_t bytes;
    if (__builtin_mul_overflow(count, (uint64_t)size, &bytes))
        return NULL;
    return arena_alloc(a, bytes);
}

size_t arena_left(const struct arena *a)
{
    return a->size - a->used;
}

size_t arena_mark(const struct arena *a)
{
    return a->used;
}

void arena_release(struct arena *a, size_t mark)
{
    a->used = mark;
}
