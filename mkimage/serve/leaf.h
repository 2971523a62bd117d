/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image that is written: what its tables say now, with what is only in memory until the next
 * flush. Formats implement it; the engine calls under its lock, moves the data itself, and promises
 * to call written() only when the data are in the file.
 *
 * What a flush makes lasting, it makes so in an order in which a cut, with any of the writes since
 * the last sync lost, leaves each sector as it was or as it was written since.
 *
 * Functions return 0 or an errno, with the sentence in `f`.
 */
#ifndef MKIMAGE_SERVE_LEAF_H
#define MKIMAGE_SERVE_LEAF_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/bits.h"
#include "core/base/errors.h"
#include "core/base/image.h"
#include "serve/store.h"

struct leaf_run {
    enum image_state state;
    uint64_t count;  /* sectors, > 0 */
    uint64_t offset; /* IMAGE_DATA: bytes of the file */
};

struct leaf {
    struct store *store;
    uint64_t sectors;     /* of the disk */
    unsigned block_shift; /* log2 of a block's sectors, where there are blocks */
    bool quiet;           /* the engine: nothing is being read or written outside of the lock */
    const struct leaf_ops *ops;
};

struct leaf_ops {
    /* The run at `lba`; it may end earlier than the state changes, and nobody looks further than
     * for `count` sectors. */
    int (*find)(struct leaf *l, uint64_t lba, uint64_t count, struct leaf_run *run, struct fail *f);

    /* Where to write sectors from `lba` on: `*count` is cut to what lies in one piece. A block that
     * was not there is now, in memory, and reads as before. */
    int (*place)(struct leaf *l, uint64_t lba, uint64_t *count, uint64_t *offset, struct fail *f);

    /* They were written there. */
    int (*written)(struct leaf *l, uint64_t lba, uint64_t count, struct fail *f);

    /* Makes sectors from `lba` on zeros by the tables alone, as far as whole blocks or what is zero
     * already go: `*done` of them, > 0, else 0. */
    int (*erase)(struct leaf *l, uint64_t lba, uint64_t count, uint64_t *done, struct fail *f);

    /* All that was written is on the medium, and the tables say so. */
    int (*flush)(struct leaf *l, struct fail *f);

    /* Is anything of the tables in memory only? */
    bool (*pending)(const struct leaf *l);

    /* After a flush: leaves the file as a program does that closes it. */
    int (*finish)(struct leaf *l, struct fail *f);

    void (*free)(struct leaf *l);

    /* Can the disk need more new blocks than there is room for? *left: how many bytes of it. */
    bool (*room)(const struct leaf *l, uint64_t *left);
};

/* --- Of use to all that have blocks and bitmaps */

static inline uint32_t leaf_block(const struct leaf *l, uint64_t lba)
{
    return (uint32_t)(lba >> l->block_shift);
}

static inline uint64_t leaf_in_block(const struct leaf *l, uint64_t lba)
{
    return lba & (((uint64_t)1 << l->block_shift) - 1);
}

/* Sectors from `lba` to the end of block `last`, or of the disk. */
static inline uint64_t leaf_left(const struct leaf *l, uint64_t lba, uint32_t last)
{
    uint64_t end = ((uint64_t)last + 1) << l->block_shift;
    return (end < l->sectors ? end : l->sectors) - lba;
}

static inline uint64_t leaf_block_left(const struct leaf *l, uint64_t lba)
{
    return leaf_left(l, lba, leaf_block(l, lba));
}

static inline bool leaf_covers_block(const struct leaf *l, uint64_t lba, uint64_t count)
{
    return !leaf_in_block(l, lba) && count >= leaf_block_left(l, lba);
}

/* Cuts a run of data to the bits from `bit` on, of `unit` bits, that are alike: clear ones are
 * sectors that the image does not have. */
void leaf_run_by_bits(struct leaf_run *run, const uint8_t *bits, uint32_t bit, uint32_t unit,
                      enum bit_order order);

/* Sets or clears bits [bit, end); was any of them otherwise? */
bool leaf_bits_put(uint8_t *bits, uint32_t bit, uint32_t end, bool set, enum bit_order order);

/* For an open image that may be written; NULL with the reason in `f`. */
struct leaf *leaf_vhd(struct image *image, struct store *store, struct fail *f);
struct leaf *leaf_vhdx(struct image *image, struct store *store, struct fail *f);

#endif
