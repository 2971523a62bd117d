/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory for core: one block of the caller's, handed out from the bottom up and given back by
 * going back to a mark. Promises: zeroed memory, never more than the block, no hidden state.
 */
#ifndef CORE_BASE_ARENA_H
#define CORE_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena {
    uint8_t *base;
    size_t size;
    size_t used;
    size_t peak; /* the most that was ever used at once */
    /* Where the block is not all there yet: the first `ready` bytes are, and `grow` makes at least
     * `wanted` of them so, or returns 0. NULL: all of it is there. */
    int (*grow)(struct arena *a, size_t wanted);
    size_t ready;
};

void arena_init(struct arena *a, void *base, size_t size);

/* `size` zeroed bytes aligned to 16, or NULL where the block has no room for them. */
void *arena_alloc(struct arena *a, uint64_t size);

/* arena_alloc of count * size, NULL also where the product wraps. */
void *arena_array(struct arena *a, uint64_t count, size_t size);

size_t arena_left(const struct arena *a);

/* Everything allocated after arena_mark() returned `mark` is free again. */
size_t arena_mark(const struct arena *a);
void arena_release(struct arena *a, size_t mark);

#endif
