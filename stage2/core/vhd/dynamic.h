/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dynamic and differencing VHDs, behind vhd.c. */
#ifndef CORE_VHD_DYNAMIC_H
#define CORE_VHD_DYNAMIC_H

#include "core/base/errors.h"

struct arena;
struct image;
struct vhd_footers;

/* Opens the disk whose footer was chosen; fills in the rest of `image`. */
MUST_CHECK enum err vhd_dynamic_open(struct image *image, const struct vhd_footers *footers,
                                     struct arena *a, struct fail *f);

#endif
