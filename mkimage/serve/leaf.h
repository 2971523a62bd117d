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
    uint64_t sectors; /* of the disk */
    bool quiet;       /* the engine: nothing is being read or written outside of the lock */
    const struct leaf_ops *ops;
};

struct leaf_ops {
    /* The run at `lba`; it may end earlier than the state changes. */
    int (*find)(struct leaf *l, uint64_t lba, struct leaf_run *run, struct fail *f);

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
};

/* For an open image that may be written; NULL with the reason in `f`. */
struct leaf *leaf_vhd(struct image *image, struct store *store, struct fail *f);
struct leaf *leaf_vhdx(struct image *image, struct store *store, struct fail *f);

#endif
