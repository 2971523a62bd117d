/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a differencing VHD says that its parent lies. */
#ifndef CORE_VHD_PARENT_H
#define CORE_VHD_PARENT_H

#include "core/base/errors.h"

struct arena;
struct image;
struct vhd_header;

/* Lists the places where a differencing disk's parent may lie, in the order to try them. What
 * cannot be read or understood is left out. */
MUST_CHECK enum err vhd_parent_list(struct image *image, const struct vhd_header *header,
                                    struct arena *a, struct fail *f);

#endif
