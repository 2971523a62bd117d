/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reach.h"
#include "core/check.h"

enum err reach_check(const struct map *map, struct drive *drive, unsigned count, struct fail *f)
{
    static uint8_t sector[SECTOR_SIZE];
    uint64_t end[MAP_DRIVES_MAX] = {0};

    /* Ends: a run has a sector at least. */
    for (uint64_t lba = 0; lba < map->sectors;) {
        struct map_run run = map_find(map, lba);
        if (run.kind == MAP_DIRECT && run.drive < count &&
            end[run.drive] < run.drive_lba + run.count)
            end[run.drive] = run.drive_lba + run.count;
        lba += run.count ? run.count : 1;
    }
    for (unsigned i = 0; i < count; i++) {
        if (!end[i])
            continue;
        drive_learn(&drive[i]);
        enum err err = blk_read(&drive[i].blk, end[i] - 1, 1, sector, f);
        if (err == ERR_BIOS)
            return err;
        /* A damaged sector is the guest's own matter. */
    }
    return ERR_OK;
}
