/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a file's runs to extents on the drive. */
#ifndef CORE_NTFS_EXTENTS_H
#define CORE_NTFS_EXTENTS_H

#include <stdbool.h>
#include "core/base/errors.h"

struct arena;
struct extent_list;
struct ntfs;
struct ntfs_attr;

/* struct file's extents, for a file with these data. A `system` file is one of the file system's
 * own: it may lie where no other file may. */
MUST_CHECK enum err ntfs_extents(struct ntfs *vol, const struct ntfs_attr *data, bool system,
                                 struct extent_list *list, struct arena *a, struct fail *f);

#endif
