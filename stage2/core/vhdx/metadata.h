/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The metadata region. */
#ifndef CORE_VHDX_METADATA_H
#define CORE_VHDX_METADATA_H

#include "core/base/errors.h"

struct arena;
struct image;
struct vhdx;

/* Fills in what the metadata region says of the disk and of its parent. */
MUST_CHECK enum err vhdx_metadata_load(struct vhdx *v, struct image *image, struct arena *a,
                                       struct fail *f);

#endif
