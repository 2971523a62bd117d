/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mark of a merge (format.h): made and believed here alone. */
#ifndef CORE_VHDX_MARK_H
#define CORE_VHDX_MARK_H

#include <stdint.h>
#include "core/base/errors.h"
#include "core/base/image.h"

struct vhdx;
struct vhdx_mark;

/* Fills in image->merge and the two ids that belong to it. ERR_IMAGE where there is a mark, but one
 * that is damaged: nobody knows then what the image holds. */
MUST_CHECK enum err vhdx_mark_load(struct vhdx *v, struct image *image, struct fail *f);

/* The sector for an image that is called `own`, and holds as much of `child` as `state` says; NULL:
 * zeros. */
void vhdx_mark_make(struct vhdx_mark *mark, enum image_merge state, const uint8_t child[16],
                    const uint8_t own[16]);

#endif
