/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads through the map only, as the machine does. What standard output refuses, main says. */
#include "image/sectors.h"
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>
#include "cli/progress.h"
#include "core/base/bounds.h"

#define CHUNK_SECTORS 2048u

enum status sectors_write(const char *name, const struct map *map, struct blk *const *drive,
                          const struct options *options)
{
    uint64_t lba = options->lba;
    uint64_t left = lba < map->sectors ? map->sectors - lba : 0;
    if (options->given & OPTION_COUNT)
        left = options->count;
    if (!range_ok(lba, left, map->sectors) || (lba && lba == map->sectors && !left))
        return say_error("Choose --lba and --count inside it.", "%s: has only %" PRIu64 " sectors",
                         name, map->sectors);

    static uint8_t buffer[CHUNK_SECTORS * SECTOR_SIZE];
    struct fail f;
    enum status status = STATUS_OK;
    if (!isatty(STDOUT_FILENO))
        progress_start("reading", left << SECTOR_SHIFT);
    while (!status && left) {
        uint32_t n = left < CHUNK_SECTORS ? (uint32_t)left : CHUNK_SECTORS;
        if (map_read(map, drive, lba, n, buffer, &f))
            status = say_fail(&f);
        else if (fwrite(buffer, SECTOR_SIZE, n, stdout) != n)
            break; /* main says so */
        progress_add((uint64_t)n << SECTOR_SHIFT);
        lba += n;
        left -= n;
    }
    progress_end();
    return status;
}
