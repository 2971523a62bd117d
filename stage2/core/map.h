/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compiles a chain into the block map (map_format.h) and reads through it. Knows files, extents and
 * images; the only module that knows both.
 */
#ifndef CORE_MAP_H
#define CORE_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include "blk.h"
#include "errors.h"
#include "map_format.h"

struct arena;
struct chain;

enum write_mode { WRITE_PERSISTENT, WRITE_DISCARD, WRITE_NONE };

struct map {
    uint64_t sectors;    /* of the disk */
    unsigned page_shift; /* log2 of sectors a page */
    uint32_t page_count;
    uint32_t cell_count; /* pages and runs */
    uint64_t *cell;      /* in the arena */
    bool writable;       /* at least one run takes writes */
    bool contiguous;     /* one DIRECT run on one drive, drive_lba[0].. */
};

/* What one run of the map says. */
struct map_run {
    enum map_kind kind;
    uint64_t count; /* sectors from the lba asked for to the end of the run or page */
    unsigned drive;
    uint64_t drive_lba; /* MAP_DIRECT */
    bool writable;
};

/*
 * Builds the map of chain's disk in `a`. Where that has too little memory, the rest is counted all
 * the same, so that the failure tells how much it takes. `writable` says whether the leaf's own
 * clusters may be written at all (mode, volume state); with it a leaf that cannot be written in
 * place (holes, short initialised size) fails with the reason, without it such parts read as zeros.
 */
MUST_CHECK enum err map_build(struct map *map, const struct chain *chain, bool writable,
                              struct arena *a, struct fail *f);

/* The run at lba (< map->sectors). Same walk as the resident handler's. */
struct map_run map_find(const struct map *map, uint64_t lba);

/* As map_find, but neighbours over page borders joined, for listings. */
struct map_run map_find_long(const struct map *map, uint64_t lba);

/* Bytes of the cells: what stays in hidden extended memory. */
uint64_t map_bytes(const struct map *map);

/* Reads sectors of the disk through the map; `drive` is indexed by the map's drive numbers. */
MUST_CHECK enum err map_read(const struct map *map, struct blk *const *drive, uint64_t lba,
                             uint32_t count, void *buf, struct fail *f);

#endif
