/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A drive with a few of its sectors in memory. */
#include "core/base/arena.h"
#include "core/map/map.h"
#include "core/map/overlay.h"
#include "unit/fakes.h"

#define PAGE 65536u

static uint8_t memory[1 << 20];
static struct map map;
static struct arena arena;
static struct fail f;

/* Every sector near a border or near one in memory, and the rest in steps. */
static void check(uint64_t sectors, const uint64_t *lba, unsigned count)
{
    arena_init(&arena, memory, sizeof memory);
    CHECK_EQ(map_overlay(&map, sectors, lba, count, &arena, &f), ERR_OK);
    map_overlay_place(&map, 0x3000000);
    uint64_t in_memory = 0;
    for (uint64_t at = 0; at < sectors;) {
        struct map_run run = map_find(&map, at);
        CHECK(run.count && run.writable && run.drive == 0);
        if (run.kind == MAP_RAM) {
            CHECK_EQ(run.count, 1);
            CHECK(in_memory < count && at == lba[in_memory]);
            in_memory++;
        } else {
            CHECK_EQ(run.kind, MAP_DIRECT);
            CHECK_EQ(run.drive_lba, at);
        }
        at += run.count;
        CHECK(at <= sectors);
    }
    CHECK_EQ(in_memory, count);
    uint32_t index = 0;
    for (uint32_t i = map.page_count; i < map.cell_count; i++) {
        if (map_cell_kind(map.cell[i]) == MAP_RAM)
            CHECK_EQ(map_cell_lba(map.cell[i]), (0x3000000u >> 9) + index++);
    }
}

TEST(overlay_maps_the_rest_as_it_lies)
{
    check(5 * PAGE - 7, NULL, 0);
    check(5 * PAGE - 7, (const uint64_t[]){0}, 1);
    check(5 * PAGE - 7, (const uint64_t[]){PAGE - 1, PAGE}, 2);
    check(5 * PAGE - 7, (const uint64_t[]){3, 4, 7, 5 * PAGE - 9, 5 * PAGE - 8}, 5);
    check(5 * PAGE, (const uint64_t[]){5 * PAGE - 1}, 1);
    check(1, (const uint64_t[]){0}, 1);
    check(PAGE * (uint64_t)10000, (const uint64_t[]){PAGE * (uint64_t)9999 + 5}, 1);
}

TEST(overlay_refuses_what_it_cannot_hold)
{
    arena_init(&arena, memory, sizeof memory);
    CHECK_EQ(map_overlay(&map, (uint64_t)1 << 37, NULL, 0, &arena, &f), ERR_LIMIT);
    CHECK_EQ(map_overlay(&map, UINT64_MAX, NULL, 0, &arena, &f), ERR_LIMIT);
    CHECK_EQ(map_overlay(&map, (uint64_t)1 << 36, NULL, 0, &arena, &f), ERR_MEMORY);
}
