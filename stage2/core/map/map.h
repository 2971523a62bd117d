/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compiles a chain into the block map (format.h: build.c) and reads through it (map.c).
 * Knows files, extents and images; the only module that knows both.
 */
#ifndef CORE_MAP_MAP_H
#define CORE_MAP_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"
#include "core/base/growth.h"
#include "core/map/format.h"

struct arena;
struct blk;
struct chain;

/* How the disk is to be written. */
struct map_writes {
    bool in_place;            /* present sectors of the leaf, where they lie */
    enum map_growth growth;   /* and the others */
    struct image_slack slack; /* MAP_GROWS_DYNAMIC, MAP_GROWS_DIFFERENCING */
    uint64_t memory;          /* MAP_GROWS_IN_MEMORY: most bytes for changes */
    uint64_t machine;         /* likewise: bytes that the machine has; 0: nobody knows */
    bool contents;            /* likewise: what is stored goes to memory, too (map_ram_load) */
};

struct map {
    uint64_t sectors;      /* of the disk */
    unsigned page_shift;   /* log2 of sectors a page */
    uint32_t page_count;   /* pages of the disk, and of the leaf's file */
    uint32_t file_page;    /* the file's first; page_count where there are none */
    uint64_t file_sectors; /* of the leaf's file, where it has pages */
    uint32_t cell_count;   /* pages, runs and records */
    uint64_t *cell;        /* in the arena */
    bool writable;         /* at least one sector takes writes */

    enum map_growth growth;
    uint32_t record_cells;             /* cells of a record */
    uint32_t record_first, record_end; /* cells of the free ones */
    uint32_t absent;                   /* pages that take one; 0 where no file grows */
    uint32_t bat_sector;               /* of the file */
    uint32_t bitmap_sectors;           /* of a block, in front of its data */
    bool vhdx;                         /* the file's tables are a VHDX's */
    uint32_t bitmap_cell; /* differencing VHDX: index of the cells that say where bitmaps lie */
};

/* What one run of the map says. */
struct map_run {
    enum map_kind kind;
    uint64_t count; /* sectors from the lba asked for to the end of the run or page */
    unsigned drive;
    uint64_t drive_lba; /* MAP_DIRECT */
    bool writable;      /* where it lies */
};

/*
 * Builds the map of chain's disk in `a`. Where that has too little memory, the rest is counted all
 * the same, so that the failure tells how much it takes. With writes->in_place the leaf's file must
 * be writable in place as a whole (file_writable_in_place); without it holes read as zeros. Growth
 * in the file takes blocks of 4 KiB to 32 MiB; a page is a block then.
 */
MUST_CHECK enum err map_build(struct map *map, const struct chain *chain,
                              const struct map_writes *writes, struct arena *a, struct fail *f);

/* Tells each DIRECT page on how many more its run goes on, where no page will ever change: the last
 * thing that is done to a map, for the resident handler. */
void map_join(struct map *map);

/* Bytes of the page cells that growth in the leaf's file takes. */
uint64_t map_growth_bytes(const struct chain *chain, uint32_t block_sectors);

/* MAP_GROWS_IN_MEMORY: bytes that the free records' own sectors take, and where they are. */
uint64_t map_memory_bytes(const struct map *map);
void map_memory_place(struct map *map, uint64_t address);

/* Free records: pages that can still get sectors of their own. */
uint32_t map_records(const struct map *map);

/* The run at lba (< map->sectors): ZERO, DIRECT or RAM. Same walk as the resident handler's. */
struct map_run map_find(const struct map *map, uint64_t lba);

/* The run at `sector` (< map->file_sectors) of the leaf's file, where the map has its pages. */
struct map_run map_find_file(const struct map *map, uint64_t sector);

/* As map_find, but neighbours over page borders joined, for listings. */
struct map_run map_find_long(const struct map *map, uint64_t lba);

/* Is the whole disk one DIRECT run of one drive, now and as long as the map is used? Says where. */
bool map_one_run(const struct map *map, struct map_run *run);

/* The end of what the map leads to on a drive, now or when the disk has grown: the first sector
 * behind it, 0 where there is nothing. */
uint64_t map_drive_end(const struct map *map, unsigned drive);

/* Bytes of the cells: what stays in hidden extended memory. */
uint64_t map_bytes(const struct map *map);

/* Reads sectors of the disk through the map; `drive` is indexed by the map's drive numbers. */
MUST_CHECK enum err map_read(const struct map *map, struct blk *const *drive, uint64_t lba,
                             uint32_t count, void *buf, struct fail *f);

#endif
