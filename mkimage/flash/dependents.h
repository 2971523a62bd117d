/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which images of a volume name another one as their parent: it must not change under them. */
#ifndef MKIMAGE_FLASH_DEPENDENTS_H
#define MKIMAGE_FLASH_DEPENDENTS_H

#include "cli/say.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "flash/target.h"

/*
 * Looks through all *.vhd and *.avhd of the volume for one that names `image` as its parent, other
 * than the file `except` (which may be NULL). `child` becomes its path, allocated, or NULL.
 */
enum status dependents_find(struct target *t, const struct image *image, struct file *except,
                            char **child);

#endif
