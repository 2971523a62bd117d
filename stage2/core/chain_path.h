/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths from a child to its parent. */
#ifndef CORE_CHAIN_PATH_H
#define CORE_CHAIN_PATH_H

#include <stdbool.h>
#include "image.h"

struct arena;

/* The path of `parent` as a child at `child` names it: `.` and `..` worked out, separators as the
 * child's path has them. NULL where the arena is full. */
char *chain_parent_path(const char *child, const struct image_parent *parent, struct arena *a);

#endif
