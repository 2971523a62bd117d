/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk that moves into memory: every stored sector once, and the map leads there. */
#include "core/map/ram.h"
#include "core/map/map.h"
#include "unit/fakes.h"

#define PAGE    ((uint64_t)128)
#define ADDRESS 0x4000000u

static uint8_t memory[1 << 20];
static uint64_t told_done, told_total, stop_at = UINT64_MAX;

static bool tell(struct map_ram_progress *progress, uint64_t done, uint64_t total)
{
    (void)progress;
    CHECK(done > told_done && done <= total);
    told_done = done;
    told_total = total;
    return done < stop_at;
}

/* Page 0 whole, page 1 zeros, page 2 in three runs, page 3, the last, cut at 28 sectors. */
static uint64_t cells[8];

static struct map the_map(void)
{
    cells[0] = map_cell(MAP_DIRECT, 0, 0, 1000);
    cells[1] = map_cell(MAP_ZERO, 0, 0, 0);
    cells[2] = map_cell(MAP_SPLIT, 0, 2, 4);
    cells[3] = map_cell(MAP_DIRECT, 1, 0, 7000);
    cells[4] = map_cell(MAP_DIRECT, 0, 0, 3000);
    cells[5] = map_cell(MAP_ZERO, 0, 10, 0);
    cells[6] = map_cell(MAP_DIRECT, 1, 100, 5000);
    return (struct map){.sectors = 3 * PAGE + 28,
                        .page_shift = 7,
                        .page_count = 4,
                        .file_page = 4,
                        .cell_count = 7,
                        .cell = cells,
                        .growth = MAP_GROWS_IN_MEMORY};
}

static uint64_t expected(uint64_t lba)
{
    if (lba < PAGE)
        return 1000 + lba;
    if (lba < 2 * PAGE || (lba >= 2 * PAGE + 10 && lba < 2 * PAGE + 100))
        return UINT64_MAX;
    if (lba < 3 * PAGE)
        return lba < 2 * PAGE + 10 ? 3000 + lba - 2 * PAGE : 5000 + lba - 2 * PAGE - 100;
    return 7000 + lba - 3 * PAGE;
}

TEST(map_ram_holds_every_stored_sector)
{
    struct map map = the_map();
    struct blk drives[] = {stamped_drive(1), stamped_drive(2)};
    struct blk *drive[] = {&drives[0], &drives[1]};
    struct map_ram_progress progress = {tell};
    struct fail f;
    told_done = 0;
    uint32_t total = 128 + 10 + 28 + 28;
    CHECK_EQ(map_ram_bytes(&map), total * 512);
    memset(memory, 0xcc, sizeof memory);
    CHECK_EQ(map_ram_load(&map, drive, ADDRESS, memory, &progress, &f), ERR_OK);
    CHECK(told_done == total && told_total == total);
    CHECK_EQ(memory[total * 512], 0xcc);
    for (uint64_t lba = 0; lba < map.sectors; lba++) {
        uint64_t from = expected(lba);
        struct map_run run = map_find(&map, lba);
        if (from == UINT64_MAX) {
            CHECK_EQ(run.kind, MAP_ZERO);
            continue;
        }
        CHECK_EQ(run.kind, MAP_RAM);
        CHECK(run.writable);
        /* map_find gives no address: the cells do */
        uint64_t cell = cells[lba >> 7];
        uint32_t in = (uint32_t)lba & 127;
        if (map_cell_kind(cell) == MAP_SPLIT)
            cell = cells[in < 10 ? 4 : 6];
        uint64_t at = (map_cell_lba(cell) << 9) + (in - map_cell_first(cell)) * 512 - ADDRESS;
        CHECK_EQ(stamp_of(memory + at), from);
        CHECK_EQ(memory[at], from < 4000 ? 1 : 2);
    }
}

TEST(map_ram_read_error)
{
    static uint8_t sectors[512];
    struct map map = the_map();
    struct array_drive small;
    array_drive_init(&small, sectors, 1);
    struct blk *drive[] = {&small.blk, &small.blk};
    struct map_ram_progress progress = {tell};
    struct fail f;
    CHECK_EQ(map_ram_load(&map, drive, ADDRESS, memory, &progress, &f), ERR_READ);
}

TEST(map_ram_stopped)
{
    struct map map = the_map();
    struct blk drives[] = {stamped_drive(1), stamped_drive(2)};
    struct blk *drive[] = {&drives[0], &drives[1]};
    struct map_ram_progress progress = {tell};
    struct fail f;
    told_done = 0;
    stop_at = 100;
    CHECK_EQ(map_ram_load(&map, drive, ADDRESS, memory, &progress, &f), ERR_STOPPED);
    CHECK(told_done >= 100 && told_done < told_total);
    stop_at = UINT64_MAX;
}

TEST(map_ram_without_writes)
{
    struct map map = the_map();
    struct blk drives[] = {stamped_drive(1), stamped_drive(2)};
    struct blk *drive[] = {&drives[0], &drives[1]};
    struct map_ram_progress progress = {tell};
    struct fail f;
    map.growth = MAP_GROWS_NOT;
    told_done = 0;
    CHECK_EQ(map_ram_load(&map, drive, ADDRESS, memory, &progress, &f), ERR_OK);
    CHECK(!map_find(&map, 0).writable && !map_find(&map, 3 * PAGE).writable);
}
