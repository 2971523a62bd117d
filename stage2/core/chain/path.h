/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths from a child to its parent. */
#ifndef CORE_CHAIN_PATH_H
#define CORE_CHAIN_PATH_H

#include <stddef.h>

struct arena;
struct image_parent;

/* Length of the "VOLUME:" that a path may start with; 0 where there is none. */
size_t chain_path_volume(const char *path);

/* The path of `parent` as a child at `child` names it: on the child's volume, `.` and `..` worked
 * out, separators as the child's path has them. NULL where the arena is full. */
char *chain_parent_path(const char *child, const struct image_parent *parent, struct arena *a);

#endif
