/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every page is DIRECT, but those with sectors in memory: these are SPLIT, into a RAM run each and
 * what lies between them. */
#include "core/map/overlay.h"
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/map/map.h"

#define PAGES_MAX (1u << 21) /* of 32 MiB: 16 MiB of cells */

static uint64_t direct(uint32_t first, uint64_t lba)
{
    return map_cell(MAP_DIRECT, 0, first, lba) | MAP_WRITABLE;
}

/* Makes page `page` SPLIT: its sectors `lba` go to memory, from its sector number `index` on. */
static void split_page(struct map *map, uint32_t page, const uint64_t *lba, unsigned count,
                       unsigned index)
{
    uint64_t start = (uint64_t)page << map->page_shift;
    uint32_t size = 1u << map->page_shift;
    uint32_t first = map->cell_count, next = 0; /* sector of the page that no run has yet */
    for (unsigned i = 0; i < count; i++) {
        uint32_t in = (uint32_t)(lba[i] - start);
        if (in > next)
            map->cell[map->cell_count++] = direct(next, start + next);
        map->cell[map->cell_count++] = map_cell(MAP_RAM, 0, in, index + i) | MAP_WRITABLE;
        next = in + 1;
    }
    if (next < size)
        map->cell[map->cell_count++] = direct(next, start + next);
    map->cell[page] = map_cell(MAP_SPLIT, 0, map->cell_count - first - 1, first);
}

enum err map_overlay(struct map *map, uint64_t sectors, const uint64_t *lba, unsigned count,
                     struct arena *a, struct fail *f)
{
    *map = (struct map){.sectors = sectors, .page_shift = MAP_PAGE_SHIFT_MAX, .writable = true};
    if (sectors >> MAP_PAGE_SHIFT_MAX >= PAGES_MAX)
        return fail(f, ERR_LIMIT, "the drive has %u sectors: 64 TiB or more", sectors);
    map->page_count = (uint32_t)(round_up_shift(sectors, map->page_shift) >> map->page_shift);
    map->file_page = map->cell_count = map->page_count;
    map->cell =
        arena_array(a, (uint64_t)map->page_count + 3 * (uint64_t)count, sizeof map->cell[0]);
    if (!map->cell)
        return fail(f, ERR_MEMORY, "no memory for the drive's block map", 0);
    for (uint32_t page = 0; page < map->page_count; page++)
        map->cell[page] = direct(0, (uint64_t)page << map->page_shift);
    for (unsigned i = 0, n; i < count; i += n) { /* ends: n is 1 at least */
        uint32_t page = (uint32_t)(lba[i] >> map->page_shift);
        for (n = 1; i + n < count && lba[i + n] >> map->page_shift == page;)
            n++;
        split_page(map, page, lba + i, n, i);
    }
    return ERR_OK;
}

void map_overlay_place(struct map *map, uint64_t address)
{
    for (uint32_t i = map->page_count; i < map->cell_count; i++) {
        if (map_cell_kind(map->cell[i]) == MAP_RAM)
            map->cell[i] += (address >> SECTOR_SHIFT) << MAP_LBA_SHIFT;
    }
}
