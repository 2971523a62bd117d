/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the free slots piece by piece and writes zeros over what is not zero. */
#include "core/map/scrub.h"
#include "core/base/bits.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/base/errors.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "core/map/format.h"
#include "core/map/map.h"

/* One slot's data, from `sector` of the file on. */
static bool scrub(const struct map *map, struct blk *const *drive, uint64_t sector, uint8_t *buffer)
{
    struct fail ignored;
    for (uint32_t left = 1u << map->page_shift; left;) { /* ends: every round lowers left */
        struct map_run run = map_find_file(map, sector);
        uint32_t n = left < MAP_SCRUB_SECTORS ? left : MAP_SCRUB_SECTORS;
        if (n > run.count)
            n = (uint32_t)run.count;
        if (run.kind != MAP_DIRECT ||
            blk_read(drive[run.drive], run.drive_lba, n, buffer, &ignored))
            return false;
        if (!bytes_are(buffer, n << SECTOR_SHIFT, 0)) {
            memset(buffer, 0, n << SECTOR_SHIFT);
            if (blk_write(drive[run.drive], run.drive_lba, n, buffer, &ignored))
                return false;
        }
        sector += n;
        left -= n;
    }
    return true;
}

void map_scrub(struct map *map, struct blk *const *drive, bool (*more)(void),
               uint8_t buffer[MAP_SCRUB_SECTORS * 512])
{
    bool noted = map_records(map) &&
                 !(map->cell[map->record_end - map->record_cells + MAP_RECORD_OWN] & MAP_OWN_DIRTY);
    if (map->growth != MAP_GROWS_DYNAMIC && (map->growth != MAP_GROWS_DIFFERENCING || !noted))
        return;
    for (uint32_t at = map->record_first; at < map->record_end; at += map->record_cells) {
        uint64_t *own = &map->cell[at + MAP_RECORD_OWN];
        if (!(*own & MAP_OWN_DIRTY) || !more() || !scrub(map, drive, map_cell_lba(*own), buffer))
            return;
        *own &= ~(uint64_t)MAP_OWN_DIRTY;
    }
}

/* Is there a page whose new block must hold zeros, and nothing else? */
static bool needs_empty_slots(const struct map *map)
{
    if (map->growth != MAP_GROWS_DIFFERENCING)
        return map->growth == MAP_GROWS_DYNAMIC;
    for (uint32_t page = 0; page < map->file_page; page++)
        if (map->cell[page] == MAP_ZERO_OWN)
            return true;
    return false;
}

uint32_t map_slots_unknown(const struct map *map)
{
    uint32_t unknown = 0;
    if (!needs_empty_slots(map))
        return 0;
    for (uint32_t at = map->record_first; at < map->record_end; at += map->record_cells)
        unknown += map->cell[at + MAP_RECORD_OWN] & MAP_OWN_DIRTY ? 1 : 0;
    return unknown;
}

void map_slots_describe(struct text *t, const struct map *map, const char *before, uint32_t bytes)
{
    text_str(t, "no note that ");
    text_u64(t, map_slots_unknown(map));
    text_str(t, " of ");
    text_u64(t, map_records(map));
    text_str(t, " slots for new blocks are empty: ");
    text_str(t, before);
    text_u64(t, bytes >> 10);
    text_str(t, " KiB resident");
}
