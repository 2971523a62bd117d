/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The block table (BAT). */
#ifndef CORE_VHDX_BAT_H
#define CORE_VHDX_BAT_H

#include "core/base/errors.h"

struct arena;
struct image;
struct vhdx;

/* Checks the BAT's size, and the whole of it where it is small; fills in image->run and check. */
MUST_CHECK enum err vhdx_bat_load(struct vhdx *v, struct image *image, struct arena *a,
                                  struct fail *f);

#endif
