/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parent locator, an item of the metadata. */
#ifndef CORE_VHDX_LOCATOR_H
#define CORE_VHDX_LOCATOR_H

#include <stdint.h>
#include "core/base/errors.h"

struct arena;
struct image;
struct vhdx;

/* Fills in the parent's ids and the places where it may lie, from the locator in [off, off + len)
 * of the file. Reads it into v->window. */
MUST_CHECK enum err vhdx_locator_load(struct vhdx *v, struct image *image, uint64_t off,
                                      uint32_t len, struct arena *a, struct fail *f);

#endif
