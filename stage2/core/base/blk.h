/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A drive as core sees it: numbered 512-byte sectors. The BIOS, a file on the host or a test's
 * array is behind `read`; a drive with 4096-byte sectors is scaled there, never here.
 */
#ifndef CORE_BASE_BLK_H
#define CORE_BASE_BLK_H

#include <stdint.h>
#include "core/base/errors.h"

struct blk {
    /* Reads `count` (> 0) sectors; the range was checked. Fails with ERR_READ. */
    enum err (*read)(struct blk *b, uint64_t lba, uint32_t count, void *buf, struct fail *f);
    /* Writes likewise, or fails with ERR_WRITE; NULL where nothing is ever written. */
    enum err (*write)(struct blk *b, uint64_t lba, uint32_t count, const void *buf, struct fail *f);
    void *ctx;             /* the implementer's */
    uint64_t sectors;      /* size of the drive; UINT64_MAX where nobody knows it */
    uint64_t reads;        /* calls of `read` that were made, kept by blk_read */
    uint64_t sectors_read; /* sectors they asked for */
};

/* Reads sectors [lba, lba + count). ERR_READ with a sentence where they lie beyond the drive. */
MUST_CHECK enum err blk_read(struct blk *b, uint64_t lba, uint32_t count, void *buf,
                             struct fail *f);

/* Writes sectors [lba, lba + count). ERR_WRITE with a sentence where they lie beyond the drive, or
 * nothing can be written. */
MUST_CHECK enum err blk_write(struct blk *b, uint64_t lba, uint32_t count, const void *buf,
                              struct fail *f);

/*
 * A read cache over another drive, for the small scattered reads of a file system walk: lines of
 * `1 << line_shift` sectors, replaced round robin. Reads of more than a line pass straight through.
 * The statistics of `under` count what really went to the drive.
 */
struct arena;
struct blk_cache {
    struct blk blk; /* use this one */
    struct blk *under;
    unsigned line_shift;
    unsigned line_count;
    unsigned next;     /* the line to replace next */
    uint64_t *line_no; /* which line each slot holds; UINT64_MAX: none */
    uint8_t *data;
};

/* Takes its memory from `a`; ERR_MEMORY where it has too little. */
MUST_CHECK enum err blk_cache_init(struct blk_cache *c, struct blk *under, unsigned line_shift,
                                   unsigned line_count, struct arena *a, struct fail *f);

#endif
