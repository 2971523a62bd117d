/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Do the images of a flash hold what \vhdboot.sum says? Only reads. */
#ifndef MKIMAGE_FLASH_VERIFY_H
#define MKIMAGE_FLASH_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include "cli/say.h"
#include "flash/sums.h"
#include "flash/target.h"

enum verify_state {
    VERIFY_SAME,
    VERIFY_WRITTEN, /* it differs, and something writes to it, or did */
    VERIFY_DIFFERS,
    VERIFY_GONE,
    VERIFY_UNREAD, /* its sentence was said */
};

struct verify_counts {
    size_t images, same, written, wrong;
};

struct verify_image {
    const struct sum *sum;
    enum verify_state state;
    const char *why; /* of VERIFY_WRITTEN: what writes to it */
};

/* Takes one image, which is gone afterwards. */
typedef void verify_tell(void *ctx, const struct verify_image *image);

/* All images that have a sum; `tell` may be NULL. Fails only where nothing can be said. */
enum status verify_images(struct target *t, verify_tell *tell, void *ctx,
                          struct verify_counts *counts);

#endif
