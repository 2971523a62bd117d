/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Do blocks of a VHD lie over each other? */
#ifndef CORE_VHD_OVERLAP_H
#define CORE_VHD_OVERLAP_H

#include <stdint.h>
#include "core/base/errors.h"

struct arena;
struct image;
struct vhd_disk;

/* image->check: counts blocks, refuses those that lie over each other. */
MUST_CHECK enum err vhd_overlap_check(struct image *image, struct arena *a, struct fail *f);

/* Bytes that it takes for that. */
uint64_t vhd_overlap_memory(const struct vhd_disk *disk);

#endif
