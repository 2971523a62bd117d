/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What lies over the images and takes all writes: changes that are not kept, in a file without a
 * name (discard.h) or in the memory where the loader's handler kept them. Functions return 0 or an
 * errno with a sentence in `f`; ranges lie inside the disk.
 */
#ifndef MKIMAGE_SERVE_ABOVE_H
#define MKIMAGE_SERVE_ABOVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/errors.h"

/* Reads whole sectors of the disk below; 0 or an errno. */
typedef int above_below(void *ctx, void *buf, size_t len, uint64_t off, struct fail *f);

struct above {
    bool read_only;
    above_below *below; /* the engine's, once it has this one */
    void *below_ctx;
    int (*read)(struct above *a, void *buf, size_t len, uint64_t off, struct fail *f);
    int (*write)(struct above *a, const void *buf, size_t len, uint64_t off, struct fail *f);
    int (*zero)(struct above *a, uint64_t len, uint64_t off, struct fail *f);
    /* Does it hold what is at `off`? *len: for so many bytes the answer is the same. */
    bool (*holds)(struct above *a, uint64_t off, uint64_t *len);
    void (*close)(struct above *a);
};

#endif
