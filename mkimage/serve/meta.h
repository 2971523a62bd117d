/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sector bitmaps of an image in memory, in units of a fixed size: read when they are needed,
 * changed here, and written by whoever flushes, in the order that the format wants. A fixed number
 * of units, so a changed one never has to leave at a bad moment: who changes units asks for room
 * first.
 */
#ifndef MKIMAGE_SERVE_META_H
#define MKIMAGE_SERVE_META_H

#include <stdbool.h>
#include <stdint.h>
#include "serve/store.h"

struct meta_unit {
    uint64_t number; /* file offset >> unit_shift */
    uint32_t next;   /* in the hash chain; META_NONE ends it */
    bool used, dirty, recent;
};

#define META_NONE UINT32_MAX

/* What an image's units take of memory. The fuzzers have less, so that units run short. */
#ifndef META_BYTES
#define META_BYTES (8u << 20)
#endif

struct meta {
    struct store *store;
    unsigned unit_shift;
    uint32_t count, dirty, hand;
    struct meta_unit *unit;
    uint32_t *hash; /* `count` chains */
    uint8_t *data;
};

/* `count` is a power of two. False: out of memory. */
bool meta_open(struct meta *m, struct store *store, unsigned unit_shift, uint32_t count);
void meta_close(struct meta *m);

/* Can so many more units get dirty? */
bool meta_room(const struct meta *m, uint32_t units);

/* Unit `number`'s bytes, valid until the next call. 0 or an errno. */
int meta_get(struct meta *m, uint64_t number, uint8_t **data);

/* The unit that `data` came from was changed. */
void meta_dirty(struct meta *m, const uint8_t *data);

/* The first dirty unit from index `i` on, or META_NONE. */
uint32_t meta_next_dirty(const struct meta *m, uint32_t i);

static inline uint8_t *meta_data(const struct meta *m, uint32_t i)
{
    return m->data + ((uint64_t)i << m->unit_shift);
}

/* What was dirty is in the file. */
void meta_clean(struct meta *m);

#endif
