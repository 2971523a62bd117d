/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk whose pages grow, as a map made by hand over the simulated machine: what each of its
 * sectors is, and a judge of what the handler made of it. The leaf's file lies in small pieces all
 * over the drive. Included by test_grow.c alone.
 */
#ifndef UNIT_GROW_WORLD_H
#define UNIT_GROW_WORLD_H

#include "machine/caller.h"

#define SECTORS_MAX 70000u
#define FILE_PLACE  1000u /* of the drive: where the file's pieces are */
#define OTHER_PLACE 300000u
#define BAT_SECTOR  3u
#define PATTERN     0x80000000u

/* What each sector of the disk is: 0 zeros, PATTERN + a drive's sector, else a version. */
static uint32_t want[SECTORS_MAX];
static uint32_t version;

static struct world {
    enum map_growth growth;
    uint32_t shift, pages, slots;
    bool junk;   /* slots hold what was there */
    bool noted;  /* not in memory: slots are known to hold zeros, and do */
    bool pieces; /* the file lies in pieces of 13 sectors */
    bool v86;
    uint8_t bounce; /* sectors of the handler's buffer; 0: one */
    uint32_t first_slot, file_sectors, stride, bitmap;
} w;

static uint32_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(random_state >> 4) * limit >> 28);
}

static uint32_t file_lba(uint32_t sector)
{
    if (!w.pieces)
        return FILE_PLACE + sector;
    return FILE_PLACE + (sector / 13 ^ 5) * 14 + sector % 13;
}

/* The sectors of the file from `sector` on, page by page, as cells. */
static void file_cells(uint32_t *cell)
{
    uint32_t size = 1u << w.shift;
    for (uint32_t at = 0, page = w.pages; at < w.file_sectors; at += size, page++) {
        uint32_t first = *cell;
        for (uint32_t i = 0; i < size && at + i < w.file_sectors; i++)
            if (!i || file_lba(at + i) != file_lba(at + i - 1) + 1)
                sim.cells[(*cell)++] = map_cell(MAP_DIRECT, 0, i, file_lba(at + i)) | MAP_WRITABLE;
        if (*cell - first > 1)
            sim.cells[page] = map_cell(MAP_SPLIT, 0, *cell - first - 1, first);
        else
            sim.cells[page] = sim.cells[--*cell];
        header.page_count = page + 1;
    }
}

static void file_put(uint32_t sector, uint8_t fill, uint32_t at, uint32_t value, uint32_t size)
{
    uint8_t data[512];
    memset(data, fill, 512);
    for (uint32_t i = 0; i < size; i++)
        data[at + i] = (uint8_t)(value >> (size - 1 - i) * 8);
    sim_put(file_lba(sector), data);
}

static void bat_put(uint32_t page, uint32_t entry)
{
    uint32_t lba = file_lba(BAT_SECTOR + page / 128);
    uint8_t data[512];
    for (unsigned i = 0; i < 512; i++)
        data[i] = sim.written[lba] ? sim_drive(lba, i) : 0xff;
    for (unsigned i = 0; i < 4; i++)
        data[page % 128 * 4 + i] = (uint8_t)(entry >> (3 - i) * 8);
    sim_put(lba, data);
}

/* What the world's numbers come to, and the header of it. */
static void sizes_make(void)
{
    uint32_t size = 1u << w.shift;
    bool in_memory = w.growth == MAP_GROWS_IN_MEMORY;
    w.bitmap = (size + 4095) / 4096;
    w.stride = w.bitmap + size;
    w.first_slot = BAT_SECTOR + w.pages / 128 + 1 + w.stride;
    w.file_sectors = w.first_slot + (w.slots + 1) * w.stride + 1;
    sim_page_shift(w.shift);
    header.bounce_sectors = w.bounce ? w.bounce : 1;
    header.growth = (uint8_t)w.growth;
    header.sectors = w.pages * (uint64_t)size - 3;
    header.file_page = w.pages;
    header.bat_sector = BAT_SECTOR;
    header.bitmap_sectors = (uint8_t)w.bitmap;
    sim_records(2 + (in_memory ? (size + 63) / 64 : w.bitmap * 64));
    CHECK(header.sectors <= SECTORS_MAX);
}

/* Sectors [first, end) of a page lie on the drive from `lba` on; 0: they are zeros. */
static void want_set(uint32_t page, uint32_t first, uint32_t end, uint32_t lba)
{
    uint32_t at = page << w.shift;
    for (uint32_t i = first; i < end && at + i < SECTORS_MAX; i++)
        want[at + i] = lba ? PATTERN | (lba + i - first) : 0;
}

/* A page whose block is there, not writable, in as many runs as the file has pieces. */
static uint64_t page_of_block(uint32_t page, uint32_t block, uint32_t *cell)
{
    uint32_t size = 1u << w.shift, data = block + w.bitmap, first = *cell;
    bat_put(page, block);
    for (uint32_t i = 0; i < size; i++)
        want_set(page, i, i + 1, file_lba(data + i));
    if (!w.pieces)
        return map_cell(MAP_DIRECT, 0, 0, file_lba(data));
    for (uint32_t i = 0; i < size; i++)
        if (!i || file_lba(data + i) != file_lba(data + i - 1) + 1)
            sim.cells[(*cell)++] = map_cell(MAP_DIRECT, 0, i, file_lba(data + i));
    return map_cell(MAP_SPLIT, 0, *cell - first - 1, first);
}

static uint64_t page_of_one_run(uint32_t page, bool writable)
{
    uint32_t size = 1u << w.shift, other = OTHER_PLACE + page * size;
    want_set(page, 0, size, other);
    return map_cell(MAP_DIRECT, 0, 0, other) | (writable ? MAP_WRITABLE : 0);
}

/* The first is one of zeros, but in DYNAMIC, where both are writable. */
static uint64_t page_of_two_runs(uint32_t page, uint32_t *cell)
{
    uint32_t size = 1u << w.shift, other = OTHER_PLACE + page * size, first = *cell;
    bool dynamic = w.growth == MAP_GROWS_DYNAMIC;
    want_set(page, 0, size / 2, dynamic ? other : 0);
    want_set(page, size / 2, size, other + size / 2);
    sim.cells[(*cell)++] =
        dynamic ? map_cell(MAP_DIRECT, 0, 0, other) | MAP_WRITABLE : map_cell(MAP_ZERO, 0, 0, 0);
    sim.cells[(*cell)++] =
        map_cell(MAP_DIRECT, 0, size / 2, other + size / 2) | (dynamic ? MAP_WRITABLE : 0);
    return map_cell(MAP_SPLIT, 0, 1, first);
}

/* Page 0 and 4, 8 ...: nothing. 1: there, not writable. 2: in two runs, one of zeros. 3: a MIXED
 * one (DIFFERENCING), else writable. */
static void page_make(uint32_t page, uint32_t block, uint32_t *cell)
{
    bool dynamic = w.growth == MAP_GROWS_DYNAMIC;
    if (page == 1 && dynamic) {
        sim.cells[page] = page_of_block(page, block, cell);
    } else if (page % 4 == 0) {
        want_set(page, 0, 1u << w.shift, 0);
        sim.cells[page] = map_cell(MAP_ZERO, 0, 0, 0);
    } else if (page % 4 == 2) {
        sim.cells[page] = page_of_two_runs(page, cell);
    } else {
        sim.cells[page] = page_of_one_run(page, page % 4 == 3 || dynamic);
    }
}

/* Makes a page MIXED: of its sectors every third group of five is its own. */
static void page_mix(uint32_t page, uint32_t block, uint32_t *cell)
{
    uint32_t size = 1u << w.shift, record = *cell;
    uint8_t *bits = (uint8_t *)(sim.cells + record + MAP_RECORD_BITMAP);
    *cell += header.record_cells;
    bat_put(page, block);
    sim.cells[record + MAP_RECORD_BASE] = sim.cells[page] & ~(uint64_t)MAP_WRITABLE;
    sim.cells[record + MAP_RECORD_OWN] = map_cell(MAP_FILE, 0, 0, block + w.bitmap) | MAP_WRITABLE;
    sim.cells[page] = map_cell(MAP_MIXED, 0, 0, record) | MAP_WRITABLE;
    memset(bits, 0, w.bitmap * 512);
    for (uint32_t i = 0; i < size; i++)
        if (i / 5 % 3 == 1) {
            bits[i >> 3] |= 0x80 >> (i & 7);
            want_set(page, i, i + 1, file_lba(block + w.bitmap + i));
        }
    for (uint32_t i = 0; i < w.bitmap; i++)
        sim_put(file_lba(block + i), bits + i * 512);
}

/* The free records, and what lies in the slots that they lead to. */
static void slots_make(uint32_t *cell)
{
    uint32_t size = 1u << w.shift;
    bool in_memory = w.growth == MAP_GROWS_IN_MEMORY;
    header.record_next = *cell;
    for (uint32_t slot = 0; slot < w.slots; slot++) {
        uint32_t data = w.first_slot + slot * w.stride + w.bitmap;
        uint64_t own = in_memory ? map_cell(MAP_RAM, 0, 0, (RAM_ADDRESS >> 9) + slot * size)
                                 : map_cell(MAP_FILE, 0, 0, data);
        bool dirty = w.growth == MAP_GROWS_DYNAMIC ? w.junk : !w.noted;
        sim.cells[*cell + MAP_RECORD_OWN] = own | MAP_WRITABLE | (dirty ? MAP_OWN_DIRTY : 0);
        *cell += header.record_cells;
        for (uint32_t i = 0; i < w.stride && (!w.junk || w.noted) && !in_memory; i++)
            file_put(data - w.bitmap + i, 0, 0, 0, 0);
    }
    header.record_end = *cell;
}

static void world_make(void)
{
    sim_start();
    sim.v86 = w.v86;
    random_state = 7;
    version = 0;
    sizes_make();
    uint32_t size = 1u << w.shift;
    uint32_t cell = w.pages + (w.file_sectors + size - 1) / size;
    file_cells(&cell);
    for (uint32_t page = 0; page < w.pages; page += 128)
        bat_put(page, 0xffffffff);

    /* The one block that is there: page 1's, and in DIFFERENCING page 3's. */
    uint32_t block = w.first_slot - w.stride;
    for (uint32_t i = 0; i < w.bitmap; i++)
        file_put(block + i, w.growth == MAP_GROWS_DYNAMIC ? 0x0f : 0, 0, 0, 0);
    for (uint32_t page = 0; page < w.pages; page++)
        page_make(page, block, &cell);
    if (w.growth == MAP_GROWS_DIFFERENCING)
        page_mix(3, block, &cell);
    slots_make(&cell);
    header.cell_count = cell;
    CHECK(cell <= MAP_CELLS);
    memset(sim_ram, 0xee, sizeof(sim_ram));
    sim.single = 0;
}

/* What a sector is when it is what `is` says; as 512 bytes. */
static void content(uint8_t *data, uint32_t lba, uint32_t is)
{
    memset(data, 0, 512);
    for (unsigned i = 0; i < 512 && is; i++)
        data[i] = is & PATTERN ? drive_byte(is & ~PATTERN, i)
                               : (uint8_t)((lba * 7 + is * 13 + (i & 3)) >> (i & 1) * 8 | 1);
}

static bool sector_is(uint32_t buffer, uint32_t lba, uint32_t is)
{
    uint8_t data[512];
    content(data, lba, is);
    for (unsigned i = 0; i < 512; i++)
        if (*sim_linear(buffer + i) != data[i])
            return false;
    return true;
}

static uint32_t buffer_random(uint32_t count)
{
    return count <= 8 && random_below(2) ? REMAPPED : BUFFER + random_below(4096);
}

static void read_check(uint32_t lba, uint32_t count)
{
    uint32_t buffer = buffer_random(count);
    CHECK_EQ(edd_call(0x4200, lba, (uint16_t)count, buffer), 0);
    for (uint32_t i = 0; i < count; i++)
        if (!sector_is(buffer + i * 512, lba + i, want[lba + i]))
            CHECK_EQ(lba + i, NEVER);
}

static void read_all(void)
{
    for (uint32_t lba = 0; lba < header.sectors;) {
        uint32_t count = 1 + random_below(200);
        if (count > header.sectors - lba)
            count = (uint32_t)header.sectors - lba;
        read_check(lba, count);
        lba += count;
    }
}

static uint32_t write_done; /* sectors that the last one counted */

/* Writes a new version. After a failure each sector is old or new, those that were counted new;
 * which of the two is looked up. */
static uint8_t write_new(uint32_t lba, uint32_t count)
{
    uint8_t data[512];
    uint32_t buffer = buffer_random(count), done = count;
    version++;
    for (uint32_t i = 0; i < count; i++) {
        content(data, lba + i, version);
        for (unsigned b = 0; b < 512; b++)
            *sim_linear(buffer + i * 512 + b) = data[b];
    }
    uint8_t status = edd_call(0x4300, lba, (uint16_t)count, buffer);
    if (status)
        done = packet_count();
    write_done = done;
    for (uint32_t i = 0; i < done; i++)
        want[lba + i] = version;
    if (!status)
        return 0;
    uint32_t left = sim.write_left, high = sim.high_left;
    bool no_high = sim.no_high;
    sim.no_high = false;
    for (uint32_t i = done; i < count; i++) {
        CHECK_EQ(edd_call(0x4200, lba + i, 1, BUFFER), 0);
        if (sector_is(BUFFER, lba + i, version))
            want[lba + i] = version;
        else if (!sector_is(BUFFER, lba + i, want[lba + i]))
            CHECK_EQ(lba + i, NEVER);
    }
    sim.write_left = left;
    sim.high_left = high;
    sim.no_high = no_high;
    return status;
}

static void file_sector(uint8_t *data, uint32_t sector)
{
    for (unsigned i = 0; i < 512; i++)
        data[i] = sim_drive(file_lba(sector), i);
}

static void judge_file(void)
{
    uint32_t size = 1u << w.shift;
    static uint32_t used[256];
    uint32_t entries = 0;
    for (uint32_t page = 0; page < w.pages; page++) {
        uint8_t bat[512], bits[512], data[512], is[512];
        file_sector(bat, BAT_SECTOR + page / 128);
        be32 entry;
        memcpy(&entry, bat + page % 128 * 4, 4);
        uint32_t block = be32_get(entry);
        if (block == 0xffffffff) /* want[] says what the map has; that has not changed */
            continue;
        CHECK(block >= w.first_slot - w.stride && block + w.stride < w.file_sectors);
        for (uint32_t i = 0; i < entries; i++)
            CHECK(used[i] != block);
        CHECK(entries < 256);
        used[entries++] = block;
        for (uint32_t i = 0; i < size && page * size + i < header.sectors; i++) {
            if (i % 4096 == 0)
                file_sector(bits, block + i / 4096);
            file_sector(data, block + w.bitmap + i);
            content(is, page * size + i, want[page * size + i]);
            bool bit = bits[i % 4096 >> 3] << (i & 7) & 0x80;
            if (w.growth == MAP_GROWS_DYNAMIC) { /* for readers with and without bitmap */
                CHECK(!memcmp(data, is, 512));
                uint8_t zeros[512] = {0};
                CHECK(bit || page == 1 || !memcmp(data, zeros, 512));
            } else if (bit) {
                CHECK(!memcmp(data, is, 512));
            } else {
                CHECK(!want[page * size + i] || want[page * size + i] & PATTERN);
            }
        }
    }
}

static void judge(void)
{
    read_all();
    if (w.growth != MAP_GROWS_IN_MEMORY)
        judge_file();
    else
        CHECK_EQ(sim.writes, 0);
}

#endif
