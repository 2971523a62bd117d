/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory for tables that are large and mostly empty: zeros, taken from the machine page by page as
 * they are written to. So the tables of a disk of 64 TiB cost what is stored in it.
 */
#ifndef MKIMAGE_SERVE_TABLE_H
#define MKIMAGE_SERVE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

struct table {
    void *base; /* NULL: none */
    uint64_t size;
};

/* False where the machine has no such room. */
bool table_open(struct table *t, uint64_t size);
void table_close(struct table *t);

/* A bit a thing. */
static inline bool table_bit(const struct table *t, uint64_t i)
{
    return ((const uint8_t *)t->base)[i >> 3] >> (i & 7) & 1;
}

static inline void table_bit_set(struct table *t, uint64_t i)
{
    ((uint8_t *)t->base)[i >> 3] |= (uint8_t)(1u << (i & 7));
}

static inline void table_bit_clear(struct table *t, uint64_t i)
{
    ((uint8_t *)t->base)[i >> 3] &= (uint8_t) ~(1u << (i & 7));
}

/* Which of `count` things changed. */
struct marks {
    struct table bits;
    uint32_t count;
    bool any;
};

bool marks_open(struct marks *m, uint32_t count);
void marks_close(struct marks *m);
void marks_clear(struct marks *m);

static inline void marks_set(struct marks *m, uint32_t i)
{
    table_bit_set(&m->bits, i);
    m->any = true;
}

/* The first one from `i` on; `count` where there is none. */
uint32_t marks_next(const struct marks *m, uint32_t i);

#endif
