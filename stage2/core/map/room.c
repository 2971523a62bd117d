/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counts pages, then bytes. Takes what there is: that too little is left is for others to say. */
#include "core/map/room.h"
#include <stdbool.h>
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/map/format.h"
#include "core/map/map.h"
#include "core/map/ram.h"

#define BORDERS 0x4000u /* the seal, and what aligning takes */

/* Has the page sectors that are stored nowhere? */
static bool page_has_zeros(const struct map *map, uint32_t page)
{
    uint64_t cell = map->cell[page];
    if (map_cell_kind(cell) != MAP_SPLIT)
        return map_cell_kind(cell) == MAP_ZERO;
    const uint64_t *run = map->cell + map_cell_lba(cell);
    for (uint32_t i = 0; i <= map_cell_first(cell); i++) {
        if (map_cell_kind(run[i]) == MAP_ZERO)
            return true;
    }
    return false;
}

uint32_t map_room_wanted(const struct map *map, const struct map_writes *writes)
{
    uint64_t wanted = writes->memory >> SECTOR_SHIFT >> map->page_shift;
    uint32_t pages = map->file_page;
    if (writes->contents) { /* what is stored is written where it lies in memory */
        pages = 0;
        for (uint32_t page = 0; page < map->file_page; page++)
            pages += page_has_zeros(map, page);
    }
    return wanted < pages ? (uint32_t)wanted : pages;
}

static uint64_t less(uint64_t from, uint64_t bytes)
{
    return from > bytes ? from - bytes : 0;
}

uint32_t map_room_pages(const struct map *map, const struct map_writes *writes, uint64_t cells,
                        const struct arena *arena)
{
    uint32_t wanted = map_room_wanted(map, writes);
    if (!writes->machine)
        return wanted;
    /* The map is made in the arena, and goes from there to its place last of all; the contents must
     * not be read over it. */
    uint64_t left = less(writes->machine, (cells << 3) + BORDERS);
    if (writes->contents)
        left = less(left, map_ram_bytes(map) + arena->used);
    left -= left >> 2;

    uint32_t record = map->record_cells * 2u << 3; /* here, and where the map is made */
    uint64_t page = ((uint64_t)SECTOR_SIZE << map->page_shift) + record;
    /* In sectors, so that the division is one of 32 bits. */
    uint64_t units = left >> SECTOR_SHIFT;
    uint32_t most = units > UINT32_MAX ? UINT32_MAX : (uint32_t)units;
    most /= (uint32_t)(page >> SECTOR_SHIFT) + 1;
    return wanted < most ? wanted : most;
}
