/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What must hold of the map of any image that is written, whatever the file says. */
#ifndef FUZZ_GROWTH_H
#define FUZZ_GROWTH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/base/errors.h"
#include "core/base/file.h"
#include "core/base/growth.h"
#include "core/base/image.h"
#include "core/base/note.h"
#include "core/chain/chain.h"
#include "core/map/format.h"
#include "core/map/map.h"

#define GROWTH_RUNS_MAX 4096
#define GROWTH_MEMORY   (64u << 10) /* bytes of page cells: larger ones teach nothing */
#define GROWTH_BITMAP   4096u       /* sectors: of a VHDX's smaller blocks two share one of bits */

/* Every sector that the map can ever lead a write to: a free record's own block and bitmap, the
 * blocks that are there. All of them lie in the file. */
static void check_map(const struct map *map, const struct image_slack *slack, uint64_t file_sectors)
{
    if (map_records(map) > slack->count || map_records(map) > map->absent)
        abort();
    uint64_t limit = slack->limit - (slack->noted ? SLACK_NOTE_SIZE : 0);
    if (slack->noted != (slack->zero_from != UINT64_MAX) || (slack->noted && limit < slack->end))
        abort();
    for (uint32_t at = map->record_first; at < map->record_end; at += map->record_cells) {
        uint64_t own = map_cell_lba(map->cell[at + MAP_RECORD_OWN]);
        if ((own - slack->bitmap_sectors) << SECTOR_SHIFT < slack->end ||
            (own + slack->block_sectors) << SECTOR_SHIFT > limit)
            abort();
        bool dirty = map->cell[at + MAP_RECORD_OWN] & MAP_OWN_DIRTY;
        if (!dirty &&
            ((at == map->record_first && slack->unsure) || own << SECTOR_SHIFT < slack->zero_from))
            abort();
    }
    for (uint32_t page = 0; map->bitmap_cell && page < map->file_page; page++)
        if (map_cell_lba(map->cell[map->bitmap_cell + page]) > file_sectors)
            abort();
    uint64_t lba = 0;
    for (unsigned i = 0; i < GROWTH_RUNS_MAX && lba < map->sectors; i++) {
        struct map_run run = map_find(map, lba);
        if (!run.count || run.count > map->sectors - lba ||
            (run.kind == MAP_DIRECT ? !range_ok(run.drive_lba, run.count, file_sectors)
                                    : run.kind != MAP_ZERO))
            abort();
        lba += run.count;
    }
}

/* The disk's map as it is for writing. Parents are left out: sectors that are theirs are zeros. */
static void growth_check(struct image *image, struct arena *a)
{
    uint64_t file_sectors = image->file->size >> SECTOR_SHIFT;
    struct extent extent = {0, 0, file_sectors + 1};
    struct chain_link link = {.file = *image->file, .image = *image, .extents = {&extent, 1}};
    struct chain chain = {.count = 1, .link = {&link}};
    struct map_writes writes = {
        .growth = image->kind == IMAGE_DYNAMIC ? MAP_GROWS_DYNAMIC : MAP_GROWS_DIFFERENCING,
        .in_place = image->kind == IMAGE_DIFFERENCING || image->format == IMAGE_VHDX};
    struct map map;
    struct fail f = {0};
    if (!image->slack || image->kind == IMAGE_FIXED || image->read_only ||
        (image->bitmap && image->block_size >> SECTOR_SHIFT < GROWTH_BITMAP) ||
        image->block_size >> SECTOR_SHIFT < 1u << MAP_PAGE_SHIFT_MIN ||
        image->block_size >> SECTOR_SHIFT > 1u << MAP_PAGE_SHIFT_MAX ||
        map_growth_bytes(&chain, image->block_size >> SECTOR_SHIFT) > GROWTH_MEMORY ||
        image->slack(image, &writes.slack, &f))
        return;
    if (map_build(&map, &chain, &writes, a, &f)) {
        if (!f.sentence || !f.err)
            abort();
        return;
    }
    check_map(&map, &writes.slack, file_sectors);
}

#endif
