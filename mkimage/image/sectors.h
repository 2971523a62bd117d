/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk's sectors, through its block map, to standard output. */
#ifndef MKIMAGE_IMAGE_SECTORS_H
#define MKIMAGE_IMAGE_SECTORS_H

#include "cli/options.h"
#include "cli/say.h"
#include "core/base/blk.h"
#include "core/map/map.h"

/* Sectors [--lba, --lba + --count) of the disk that `map` describes. `name` is what messages call
 * it. */
enum status sectors_write(const char *name, const struct map *map, struct blk *const *drive,
                          const struct options *options);

#endif
