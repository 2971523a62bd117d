/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The block table (BAT). */
#ifndef CORE_VHDX_BAT_H
#define CORE_VHDX_BAT_H

#include <stdint.h>
#include "core/base/errors.h"

struct arena;
struct image;
struct vhdx;

/* Checks the BAT's size, and the whole of it where it is small; fills in image->run and check. */
MUST_CHECK enum err vhdx_bat_load(struct vhdx *v, struct image *image, struct arena *a,
                                  struct fail *f);

/* An entry as it stands in the BAT, which must have it. */
MUST_CHECK enum err vhdx_bat_entry(struct vhdx *v, uint32_t index, uint64_t *entry, struct fail *f);

#endif
