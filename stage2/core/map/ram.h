/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Moves a whole disk into memory: what its map leads to is read, and the map leads there. */
#ifndef CORE_MAP_RAM_H
#define CORE_MAP_RAM_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"

struct blk;
struct map;

/* Bytes that the disk's stored sectors take. */
uint64_t map_ram_bytes(const struct map *map);

/* Told after every piece; both in sectors. Returns whether to go on. */
struct map_ram_progress {
    bool (*tell)(struct map_ram_progress *progress, uint64_t done, uint64_t total);
};

/*
 * Reads all stored sectors to `to`, which lies at physical address `address`, a multiple of 512,
 * and has room for map_ram_bytes. `drive` is indexed by the map's drive numbers. The map must not
 * grow in the leaf's file. After a failure, ERR_STOPPED
 * where `progress` says so, it is of no use any more.
 */
MUST_CHECK enum err map_ram_load(struct map *map, struct blk *const *drive, uint64_t address,
                                 void *to, struct map_ram_progress *progress, struct fail *f);

#endif
