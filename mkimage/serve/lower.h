/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The images of a chain that are only read, and where in them the disk's content lies. */
#ifndef MKIMAGE_SERVE_LOWER_H
#define MKIMAGE_SERVE_LOWER_H

#include <stdint.h>
#include "core/base/image.h"
#include "serve/store.h"

/* One of them, and what it was asked last. */
struct layer {
    struct image *image;
    struct store *store;
    uint64_t start, end; /* of the disk's sectors; empty before the first */
    struct image_run run;
};

/* Data in a file, or zeros. */
struct piece {
    struct store *store; /* NULL: zeros */
    uint64_t offset, count;
};

/* What lies at sector `lba`, child first, for `count` sectors at the most. 0 or an errno. For one
 * thread at a time. */
int lower_find(struct layer *layer, unsigned layers, uint64_t lba, uint64_t count,
               struct piece *piece, struct fail *f);

#endif
