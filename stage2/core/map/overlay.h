/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A map of a whole drive as it lies there, but for a few sectors, which are in memory instead. */
#ifndef CORE_MAP_OVERLAY_H
#define CORE_MAP_OVERLAY_H

#include <stdint.h>
#include "core/base/errors.h"

struct arena;
struct map;

/* Builds the map of drive 0 of the map's drives, which has `sectors`. The `count` sectors in memory
 * are numbered `lba`, sorted, each once. ERR_LIMIT for a drive of 64 TiB and more, ERR_MEMORY. */
MUST_CHECK enum err map_overlay(struct map *map, uint64_t sectors, const uint64_t *lba,
                                unsigned count, struct arena *a, struct fail *f);

/* The sectors in memory lie at `address`, a multiple of 512, one behind the other. */
void map_overlay_place(struct map *map, uint64_t address);

#endif
