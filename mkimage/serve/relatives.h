/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Other children of an image of the host, as far as they can be found: in its folder, in that of
 * the child at hand, and in the folders below the two; on a mounted stick (mounted.h), everywhere.
 * What a child relies on must not change.
 */
#ifndef MKIMAGE_SERVE_RELATIVES_H
#define MKIMAGE_SERVE_RELATIVES_H

#include "core/base/arena.h"
#include "core/base/image.h"
#include "cli/say.h"

/* Refuses, and says which, where an image besides `child` (or NULL) was made from `parent`.
 * `advice` is what to do then. Without a child `beside`, or NULL, is looked around in its place. */
enum status relatives_refuse(const char *parent_path, const struct image *parent, const char *child,
                             const char *beside, const char *advice, struct arena *arena);

/* The same for whatever image the file is; one that is none, or cannot be read, has no children. */
enum status relatives_refuse_file(const char *path, const char *advice);

/* Says where relatives_refuse() looked, after it found none. */
void relatives_tell(const char *parent_path, const char *child);

#endif
