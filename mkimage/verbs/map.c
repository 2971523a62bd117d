/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mkimage read and mkimage map: the block map as the machine would walk it. */
#include <inttypes.h>
#include <stdio.h>
#include "cli/json.h"
#include "cli/options.h"
#include "cli/say.h"
#include "core/map/format.h"
#include "core/map/map.h"
#include "flash/entry.h"
#include "flash/target.h"
#include "image/sectors.h"
#include "verbs/verbs.h"

enum status verb_read(const struct options *options)
{
    static struct entry entry;
    struct target t;
    enum status status = entry_open(&entry, &t, options);
    if (status)
        return status;
    status = sectors_write(entry.chosen->vhd, &entry.disk.map, t.drive, options);
    target_close(&t);
    return status;
}

static const char *kind_name(const struct map_run *run)
{
    switch (run->kind) {
    case MAP_ZERO:
        return "zero";
    case MAP_RAM:
        return "ram";
    default:
        return "data";
    }
}

static void print_run(uint64_t lba, const struct map_run *run)
{
    if (run->kind == MAP_ZERO)
        say_out("%15" PRIu64 " %15" PRIu64 " %-5s %15s", lba, run->count, kind_name(run), "");
    else
        say_out("%15" PRIu64 " %15" PRIu64 " %-5s %15" PRIu64 "%s", lba, run->count, kind_name(run),
                run->drive_lba, run->writable ? " writable" : "");
}

static void print_run_json(uint64_t lba, const struct map_run *run)
{
    json_object(NULL);
    json_number("lba", lba);
    json_number("count", run->count);
    json_string("kind", kind_name(run));
    if (run->kind == MAP_ZERO)
        json_null("drive_lba");
    else
        json_number("drive_lba", run->drive_lba);
    json_number("drive", run->drive);
    json_bool("writable", run->writable);
    json_end();
}

enum status verb_map(const struct options *options)
{
    static struct entry entry;
    struct target t;
    enum status status = entry_open(&entry, &t, options);
    if (status)
        return status;
    const struct map *map = &entry.disk.map;
    if (options->json) {
        json_object(NULL);
        json_number("sectors", map->sectors);
        json_number("page_sectors", (uint64_t)1 << map->page_shift);
        json_number("map_bytes", map_bytes(map));
        json_array("runs");
    } else {
        say_out("%" PRIu64 " sectors, pages of %u, %" PRIu64 " bytes", map->sectors,
                1u << map->page_shift, map_bytes(map));
        say_out("%15s %15s %-5s %15s", "lba", "count", "kind", "drive_lba");
    }
    for (uint64_t lba = 0; lba < map->sectors;) { /* ends: a run has at least one sector */
        struct map_run run = map_find_long(map, lba);
        if (options->json)
            print_run_json(lba, &run);
        else
            print_run(lba, &run);
        lba += run.count;
    }
    if (options->json) {
        json_end();
        json_end();
    }
    target_close(&t);
    return STATUS_OK;
}
