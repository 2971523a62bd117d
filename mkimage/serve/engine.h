/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine inside: what serve.h promises, in three files.
 *
 *     serve.c    the interface: bytes into sectors, what may be written, flushes
 *     move.c     sectors, to where the tables say that they are
 *     start.c    opening and closing
 *
 * One lock guards the tables; data move outside of it. A place that a thread was given stays good
 * while it uses it: places of blocks that went away are given to others only by a flush that finds
 * no thread at work (leaf->quiet).
 */
#ifndef MKIMAGE_SERVE_ENGINE_H
#define MKIMAGE_SERVE_ENGINE_H

#include <pthread.h>
#include "serve/leaf.h"
#include "serve/lower.h"
#include "serve/serve.h"

struct above;
struct flusher;
struct opened;

struct serve {
    pthread_mutex_t lock; /* of all below; data are moved without it */
    pthread_mutex_t edge; /* held while a part of a sector is changed */
    struct leaf *leaf;    /* what is written; NULL where nothing is kept */
    struct above *above;  /* takes all writes, where there is one */
    struct layer layer[CHAIN_MAX];
    unsigned first, layers; /* those that are asked after `leaf` */
    uint64_t sectors;
    unsigned busy; /* threads that move data */
    bool owes;     /* something was written that no flush has made lasting */
    bool through;  /* tables are flushed before a request is answered that changed them */
    const char *kind;
    struct flusher *flusher;
    struct opened *opened; /* what serve_open() opened; NULL in tests */
};

/* A failed sync leaves nobody to say what the medium has. */
#define ENGINE_UNSURE "an earlier flush failed: nothing more is written"

/* What lies at sector `lba`, for at most `count`; under the lock. */
int engine_find(struct serve *s, uint64_t lba, uint64_t count, struct piece *piece, struct fail *f);

/* The functions below take the lock themselves; `lba` and `count` lie on the disk. */

/* Sectors as the images have them. */
int engine_read(struct serve *s, uint8_t *to, uint64_t lba, uint64_t count, struct fail *f);

/* Writes sectors, or zeros where `from` is NULL, and tells the tables. */
int engine_write(struct serve *s, const uint8_t *from, uint64_t lba, uint64_t count, bool hole,
                 struct fail *f);

/* Zeros, as far as possible by the tables alone. */
int engine_zero(struct serve *s, uint64_t lba, uint64_t count, bool hole, struct fail *f);

/* Whole blocks go by the tables; of others, what the leaf stores becomes zeros. */
int engine_trim(struct serve *s, uint64_t lba, uint64_t count, struct fail *f);

#endif
