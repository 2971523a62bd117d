/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One read a drive, of the last sector that the guest can ask for: what lies before it is reached
 * as well. */
#include "reach.h"
#include <stdint.h>
#include "core/base/blk.h"
#include "core/base/bounds.h"

enum err reach_check(const struct map *map, struct drive *drive, unsigned count, struct fail *f)
{
    static uint8_t sector[SECTOR_SIZE];
    for (unsigned i = 0; i < count; i++) {
        uint64_t end = map_drive_end(map, i);
        if (!end)
            continue;
        drive_learn(&drive[i]);
        enum err err = blk_read(&drive[i].blk, end - 1, 1, sector, f);
        if (err == ERR_BIOS)
            return err;
        /* A damaged sector is the guest's own matter. */
    }
    return ERR_OK;
}
