/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHD images (Microsoft, 2006): fixed, dynamic, differencing. Never writes. */
#ifndef CORE_VHD_VHD_H
#define CORE_VHD_VHD_H

#include <stdbool.h>
#include "core/base/errors.h"
#include "core/base/image.h"

struct arena;
struct file;

/* Does the file's end or start look like a VHD? Reads at most three sectors. */
MUST_CHECK enum err vhd_probe(struct file *file, bool *is_vhd, struct fail *f);

/* Opens `file` as a VHD; ERR_IMAGE, ERR_UNSUPPORTED, ERR_MEMORY, ERR_READ. Up to 64 KiB of `a` stay
 * in use, and a block's bitmap. */
MUST_CHECK enum err vhd_open(struct image *image, struct file *file, struct arena *a,
                             struct fail *f);

/*
 * Looks for sectors of a dynamic VHD that its bitmaps call empty and that hold data all the same:
 * this loader shows the data, as most readers do, but some show zeros. Adds a note with the first
 * one. Reads every bitmap, and the data under clear bits; nothing for other images. Gives its
 * memory back.
 */
MUST_CHECK enum err vhd_bitmap_check(struct image *image, struct arena *a, struct fail *f);

#endif
