/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other children of an image, as far as they lie in its folder or beside the child at hand. */
#ifndef MKIMAGE_SERVE_RELATIVES_H
#define MKIMAGE_SERVE_RELATIVES_H

#include "core/base/arena.h"
#include "core/base/image.h"
#include "cli/say.h"

/* Refuses, and says which, where an image besides `child` was made from `parent`. */
enum status relatives_refuse(const char *parent_path, const struct image *parent, const char *child,
                             struct arena *arena);

#endif
