/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The old form: a map of the hive's sectors, and those that are set in it, one after the other. */
#include <string.h>
#include "core/base/endian.h"
#include "core/hive/format.h"
#include "windows/hivelog_forms.h"

#define MAP_AT SECTOR_SIZE /* where the map's magic stands */

bool hivelog_sectors(struct hivelog_hive *hive, struct view log)
{
    const struct hive_header *own = view_at(log, 0, sizeof *own);
    const uint8_t *magic = view_at(log, MAP_AT, 4);
    if (!own || !magic || memcmp(magic, "DIRT", 4))
        return false;
    uint32_t length = le32_get(own->length), sectors = length / SECTOR_SIZE;
    const uint8_t *map = view_at(log, MAP_AT + 4, sectors / 8); /* bins are 8 sectors long */
    if (!map || !hivelog_stretch(hive, length))
        return false;
    uint64_t at =
        MAP_AT + ((4 + (uint64_t)sectors / 8 + SECTOR_SIZE - 1) & ~(uint64_t)(SECTOR_SIZE - 1));
    for (uint32_t i = 0; i < sectors; i++) {
        if (!(map[i / 8] >> i % 8 & 1))
            continue;
        const uint8_t *data = view_at(log, at, SECTOR_SIZE);
        if (!data)
            return false;
        memcpy(hive->bytes + HIVE_HEADER_SIZE + (size_t)i * SECTOR_SIZE, data, SECTOR_SIZE);
        at += SECTOR_SIZE;
    }
    hivelog_take_header(hive, log);
    return true;
}
