/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Follows the page and run cells that lead to the drive, reads, and points them to memory. */
#include "core/map/ram.h"
#include <stdbool.h>
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/map/format.h"
#include "core/map/map.h"

#define PIECE_SECTORS 127u /* what one call of a BIOS reads */

/* A walk over the cells that lead to stored sectors. */
struct ram_walk {
    const struct map *map;
    uint32_t page;
    uint32_t run;   /* of the page: 0 where it is not SPLIT */
    uint64_t *cell; /* the one that was found, and its length */
    uint32_t sectors;
};

/* Goes on to the next DIRECT cell. Ends: every round goes on to another run or page. */
static bool walk_next(struct ram_walk *w)
{
    const struct map *map = w->map;
    uint32_t size = 1u << map->page_shift;
    for (; w->page < map->file_page; w->page++, w->run = 0) {
        uint64_t left = map->sectors - ((uint64_t)w->page << map->page_shift);
        uint32_t end = left < size ? (uint32_t)left : size;
        uint64_t *cell = &map->cell[w->page];
        uint32_t runs = 1;
        if (map_cell_kind(*cell) == MAP_SPLIT) {
            runs = map_cell_first(*cell) + 1;
            cell = map->cell + map_cell_lba(*cell);
        }
        while (w->run < runs) {
            uint32_t i = w->run++;
            if (map_cell_kind(cell[i]) != MAP_DIRECT)
                continue;
            w->cell = &cell[i];
            w->sectors =
                (i + 1 < runs ? map_cell_first(cell[i + 1]) : end) - map_cell_first(*w->cell);
            return true;
        }
    }
    return false;
}

static uint64_t ram_sectors(const struct map *map)
{
    uint64_t sum = 0;
    for (struct ram_walk w = {.map = map}; walk_next(&w);)
        sum += w.sectors;
    return sum;
}

uint64_t map_ram_bytes(const struct map *map)
{
    return ram_sectors(map) << SECTOR_SHIFT;
}

enum err map_ram_load(struct map *map, struct blk *const *drive, uint64_t address, void *to,
                      struct map_ram_progress *progress, struct fail *f)
{
    uint64_t total = ram_sectors(map);
    uint64_t done = 0;
    uint64_t writable = map->growth == MAP_GROWS_IN_MEMORY ? MAP_WRITABLE : 0;
    for (struct ram_walk w = {.map = map}; walk_next(&w);) {
        uint64_t cell = *w.cell;
        *w.cell =
            map_cell(MAP_RAM, 0, map_cell_first(cell), (address >> SECTOR_SHIFT) + done) | writable;
        for (uint32_t at = 0; at < w.sectors;) { /* ends: at grows */
            uint32_t n = w.sectors - at < PIECE_SECTORS ? w.sectors - at : PIECE_SECTORS;
            enum err err = blk_read(drive[map_cell_drive(cell)], map_cell_lba(cell) + at, n,
                                    (uint8_t *)to + (done << SECTOR_SHIFT), f);
            if (err)
                return err;
            at += n;
            done += n;
            if (!progress->tell(progress, done, total))
                return fail(f, ERR_STOPPED, "reading the disk into memory was stopped", 0);
        }
    }
    return ERR_OK;
}
