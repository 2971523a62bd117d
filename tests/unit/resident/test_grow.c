/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages that grow, on maps made by hand: what is read, what is written where and in which order,
 * and what is left where a write fails. The leaf's file lies in small pieces all over the drive.
 *
 * Long because each test runs on the one world that is made here and knows what every sector is.
 */
#include "machine/sim.h"

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
    bool pieces; /* the file lies in pieces of 13 sectors */
    bool v86;
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

static void world_header(void)
{
    uint32_t size = 1u << w.shift;
    w.bitmap = (size + 4095) / 4096;
    w.stride = w.bitmap + size;
    w.first_slot = BAT_SECTOR + w.pages / 128 + 1 + w.stride;
    w.file_sectors = w.first_slot + (w.slots + 1) * w.stride + 1;
    header.page_shift = (uint8_t)w.shift;
    header.growth = (uint8_t)w.growth;
    header.sectors = w.pages * (uint64_t)size - 3;
    header.file_page = w.pages;
    header.bat_sector = BAT_SECTOR;
    header.bitmap_sectors = (uint8_t)w.bitmap;
    header.record_cells =
        (uint16_t)(2 + (w.growth == MAP_GROWS_IN_MEMORY ? (size + 63) / 64 : w.bitmap * 64));
    CHECK(header.sectors <= SECTORS_MAX);
}

/* What the page's sectors are, but for those of blocks that are there. */
static void page_want(uint32_t page, uint32_t other)
{
    uint32_t size = 1u << w.shift;
    for (uint32_t i = 0; i < size && page * size + i < SECTORS_MAX; i++)
        want[page * size + i] = page % 4 == 0                   ? 0
                                : page % 4 == 2 && i < size / 2 ? 0
                                                                : PATTERN | (other + i);
}

/* Page 1 is the block that is there in a DYNAMIC file: in one piece, or in runs from *cell on. */
static uint64_t page_there(uint32_t page, uint32_t block, uint32_t *cell)
{
    uint32_t size = 1u << w.shift, data = block + w.bitmap, first = *cell;
    bat_put(page, block);
    for (uint32_t i = 0; i < size; i++)
        want[page * size + i] = PATTERN | file_lba(data + i);
    if (!w.pieces)
        return map_cell(MAP_DIRECT, 0, 0, file_lba(data));
    for (uint32_t i = 0; i < size; i++)
        if (!i || file_lba(data + i) != file_lba(data + i - 1) + 1)
            sim.cells[(*cell)++] = map_cell(MAP_DIRECT, 0, i, file_lba(data + i));
    return map_cell(MAP_SPLIT, 0, *cell - first - 1, first);
}

/* Two runs, of which the first is zeros, or in a DYNAMIC file both are there. */
static uint64_t page_in_two(uint32_t page, uint32_t other, uint32_t *cell)
{
    uint32_t size = 1u << w.shift, first = *cell;
    *cell += 2;
    sim.cells[first] = map_cell(MAP_ZERO, 0, 0, 0);
    sim.cells[first + 1] = map_cell(MAP_DIRECT, 0, size / 2, other + size / 2);
    if (w.growth == MAP_GROWS_DYNAMIC) {
        sim.cells[first] = map_cell(MAP_DIRECT, 0, 0, other) | MAP_WRITABLE;
        sim.cells[first + 1] |= MAP_WRITABLE;
        for (uint32_t i = 0; i < size / 2; i++)
            want[page * size + i] = PATTERN | (other + i);
    }
    return map_cell(MAP_SPLIT, 0, 1, first);
}

static void page_make(uint32_t page, uint32_t block, uint32_t *cell)
{
    uint32_t other = OTHER_PLACE + (page << w.shift);
    page_want(page, other);
    if (page == 1 && w.growth == MAP_GROWS_DYNAMIC) {
        sim.cells[page] = page_there(page, block, cell);
    } else if (page % 4 == 0) {
        sim.cells[page] = map_cell(MAP_ZERO, 0, 0, 0);
    } else if (page % 4 == 2) {
        sim.cells[page] = page_in_two(page, other, cell);
    } else {
        sim.cells[page] = map_cell(MAP_DIRECT, 0, 0, other);
        if (page % 4 == 3 || w.growth == MAP_GROWS_DYNAMIC)
            sim.cells[page] |= MAP_WRITABLE;
    }
}

/* Page 3 becomes MIXED: every third group of five sectors is the block's own. */
static void page_mix(uint32_t block, uint32_t *cell)
{
    uint32_t size = 1u << w.shift, record = *cell;
    uint8_t *bits = (uint8_t *)(sim.cells + record + MAP_RECORD_BITMAP);
    *cell += header.record_cells;
    bat_put(3, block);
    sim.cells[record] = sim.cells[3] & ~(uint64_t)MAP_WRITABLE;
    sim.cells[record + 1] = map_cell(MAP_FILE, 0, 0, block + w.bitmap) | MAP_WRITABLE;
    sim.cells[3] = map_cell(MAP_MIXED, 0, 0, record) | MAP_WRITABLE;
    memset(bits, 0, w.bitmap * 512);
    for (uint32_t i = 0; i < size; i++)
        if (i / 5 % 3 == 1) {
            bits[i >> 3] |= 0x80 >> (i & 7);
            want[3 * size + i] = PATTERN | file_lba(block + w.bitmap + i);
        }
    for (uint32_t i = 0; i < w.bitmap; i++)
        sim_put(file_lba(block + i), bits + i * 512);
}

/* Room for blocks to come: empty, or with junk in it. */
static void slots_make(uint32_t *cell)
{
    header.record_next = *cell;
    for (uint32_t slot = 0; slot < w.slots; slot++) {
        uint32_t data = w.first_slot + slot * w.stride + w.bitmap;
        sim.cells[*cell + 1] =
            (w.growth == MAP_GROWS_IN_MEMORY
                 ? map_cell(MAP_RAM, 0, 0, (RAM_ADDRESS >> 9) + (slot << w.shift))
                 : map_cell(MAP_FILE, 0, 0, data)) |
            MAP_WRITABLE;
        *cell += header.record_cells;
        for (uint32_t i = 0; i < w.stride && !w.junk && w.growth != MAP_GROWS_IN_MEMORY; i++)
            file_put(data - w.bitmap + i, 0, 0, 0, 0);
    }
    header.record_end = *cell;
    header.record_clean = w.junk ? header.record_next : *cell;
}

/* Page 0 and 4, 8 ...: nothing. 1: there, not writable. 2: in two runs, one of zeros. 3: a MIXED
 * one (DIFFERENCING), else writable. */
static void world_make(void)
{
    sim_start();
    sim.v86 = w.v86;
    random_state = 7;
    version = 0;
    world_header();
    uint32_t cell = w.pages + (w.file_sectors + (1u << w.shift) - 1) / (1u << w.shift);
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
        page_mix(block, &cell);
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

static const enum map_growth growths[] = {MAP_GROWS_DYNAMIC, MAP_GROWS_DIFFERENCING,
                                          MAP_GROWS_IN_MEMORY};

/* In memory nothing may be written at all: everything of the drive is kept as it is. */
static void world_random(unsigned rounds, uint32_t most)
{
    uint32_t before;
    world_make();
    if (w.growth == MAP_GROWS_IN_MEMORY) {
        for (uint32_t page = 0; page < w.pages; page++)
            if (page % 4 == 3)
                sim.cells[page] &= ~(uint64_t)MAP_WRITABLE;
        memset(sim.written, 0, sizeof(sim.written));
        sim.writes = 0;
    }
    before = header.record_next;
    read_all();
    for (unsigned r = 0; r < rounds; r++) {
        uint32_t count = 1 + random_below(most);
        uint32_t lba = random_below((uint32_t)header.sectors - count + 1);
        CHECK_EQ(write_new(lba, count), 0);
        read_check(lba, count);
        count = 1 + random_below(most);
        read_check(random_below((uint32_t)header.sectors - count + 1), count);
    }
    CHECK(header.record_next > before);
    judge();
}

TEST(every_growth_at_random)
{
    static const uint32_t shifts[] = {3, 4, 7, 10};
    for (unsigned g = 0; g < 3; g++)
        for (unsigned s = 0; s < 4; s++)
            for (unsigned how = 0; how < 4; how++) {
                w = (struct world){.growth = growths[g],
                                   .shift = shifts[s],
                                   .pages = 20,
                                   .slots = 20,
                                   .junk = how & 1,
                                   .pieces = how & 2,
                                   .v86 = (s + how) & 1};
                world_random(40, s < 2 ? 40 : 300);
            }
}

TEST(pages_with_several_bitmap_sectors)
{
    for (unsigned g = 0; g < 3; g++) {
        w = (struct world){
            .growth = growths[g], .shift = 14, .pages = 4, .slots = 2, .junk = true, .v86 = g == 1};
        world_make();
        for (unsigned r = 0; r < 40; r++) { /* over the borders of bitmap sectors */
            uint32_t lba = (1 + random_below(7)) * 4096 - random_below(30);
            uint32_t count = 1 + random_below(60);
            if (g == 1 && r == 0)
                lba = 8192 - 5;
            uint8_t status = write_new(lba, count);
            CHECK(status == 0 ||
                  (status == STATUS_FAULT && header.record_next == header.record_end));
            read_check(lba - 20, count + 40);
        }
        read_all();
        if (g < 2)
            judge_file();
    }
}

/* The sectors that were written since `from`, in order, must be these of the file; -1 ends them. */
static void check_order(uint32_t from, const int64_t *sector)
{
    for (; *sector >= 0; sector++) {
        CHECK(++from <= sim.writes);
        CHECK_EQ(sim_write[from].lba, file_lba((uint32_t)*sector));
    }
    CHECK_EQ(from, sim.writes);
}

static bool filled(uint32_t write, uint8_t byte)
{
    for (unsigned i = 0; i < 512; i++)
        if (sim_write[write].data[i] != byte)
            return false;
    return true;
}

TEST(order_dynamic)
{
    w = (struct world){.growth = MAP_GROWS_DYNAMIC, .shift = 13, .pages = 4, .slots = 2};
    world_make();
    uint32_t from = sim.writes, slot = w.first_slot;
    CHECK_EQ(w.bitmap, 2);
    CHECK_EQ(write_new(100, 3), 0); /* absent: bitmap of ones, BAT, data */
    check_order(from,
                (int64_t[]){slot, slot + 1, BAT_SECTOR, slot + 102, slot + 103, slot + 104, -1});
    CHECK(filled(from + 1, 0xff) && filled(from + 2, 0xff));
    CHECK_EQ(sim.single, 3);
    from = sim.writes;
    CHECK_EQ(write_new(101, 2), 0); /* there now: data alone */
    check_order(from, (int64_t[]){slot + 103, slot + 104, -1});
    uint32_t block = slot - w.stride, next = header.record_next;
    from = sim.writes;
    CHECK_EQ(write_new(8192 + 5, 2), 0); /* there, but not known to be all ones: bits, then data */
    check_order(from, (int64_t[]){block, block + 1, block + 7, block + 8, -1});
    CHECK(filled(from + 1, 0xff) && filled(from + 2, 0xff));
    CHECK_EQ(header.record_next, next);
    judge();
}

TEST(order_dynamic_scrub)
{
    w = (struct world){
        .growth = MAP_GROWS_DYNAMIC, .shift = 3, .pages = 8, .slots = 3, .junk = true};
    world_make();
    uint32_t slot = w.first_slot;
    file_put(slot + 4, 0, 0, 0, 0); /* one that is zero already */
    uint32_t from = sim.writes;
    CHECK_EQ(write_new(6, 1), 0);
    check_order(from, (int64_t[]){slot + 1, slot + 2, slot + 3, slot + 5, slot + 6, slot + 7,
                                  slot + 8, slot, BAT_SECTOR, slot + 7, -1});
    header.record_clean = header.record_end; /* the others are said to be clean */
    for (uint32_t i = 0; i < w.stride; i++)
        file_put(slot + w.stride + i, 0, 0, 0, 0);
    from = sim.writes;
    CHECK_EQ(write_new(4 * 8 + 1, 1), 0);
    slot += w.stride;
    check_order(from, (int64_t[]){slot, BAT_SECTOR, slot + 2, -1});
    judge();
}

TEST(order_differencing)
{
    w = (struct world){
        .growth = MAP_GROWS_DIFFERENCING, .shift = 13, .pages = 4, .slots = 2, .junk = true};
    world_make();
    uint32_t from = sim.writes, slot = w.first_slot;
    CHECK_EQ(write_new(4094, 4),
             0); /* empty bitmap, BAT; then data and bits, sector by sector of bits */
    check_order(from, (int64_t[]){slot, slot + 1, BAT_SECTOR, slot + 2 + 4094, slot + 2 + 4095,
                                  slot, slot + 2 + 4096, slot + 2 + 4097, slot + 1, -1});
    CHECK(filled(from + 1, 0) && filled(from + 2, 0));
    CHECK_EQ(sim_write[from + 6].data[511], 0x03);
    CHECK_EQ(sim_write[from + 9].data[0], 0xc0);
    from = sim.writes;
    CHECK_EQ(write_new(4094, 2), 0); /* the bits are there */
    check_order(from, (int64_t[]){slot + 2 + 4094, slot + 2 + 4095, -1});
    judge();
}

TEST(slack_used_up)
{
    for (unsigned g = 0; g < 3; g++) {
        w = (struct world){.growth = growths[g], .shift = 4, .pages = 24, .slots = 2};
        world_make();
        CHECK_EQ(write_new(0 * 16 + 3, 2), 0);
        CHECK_EQ(write_new(4 * 16 + 3, 2), 0);
        uint32_t before = sim.writes;
        CHECK_EQ(write_new(8 * 16 + 3, 2), STATUS_FAULT);
        CHECK_EQ(sim.writes, before);
        CHECK_EQ(write_new(4 * 16 + 14, 1), 0);
        CHECK_EQ(write_new(7 * 16 + 14, 9), STATUS_FAULT); /* page 7 has a place, 8 has not */
        CHECK_EQ(write_done, 2);
        read_all();
        if (g < 2)
            judge_file();
    }
    header.growth = MAP_GROWS_NOT;
    CHECK_EQ(write_new(12 * 16, 1), STATUS_FAULT);
    header.write_protected = 1;
    CHECK_EQ(write_new(4 * 16, 1), STATUS_WRITE_PROTECTED);
}

/* Whatever write fails, on the drive or in memory: nothing is wrong afterwards, and a second try
 * succeeds. */
static void failures(uint32_t lba, uint32_t count, bool late, bool high)
{
    bool done = false;
    for (uint32_t step = 0; !done; step++) {
        CHECK(step < 200);
        world_make();
        CHECK_EQ(write_new(lba + 2 * (1u << w.shift), 1), 0); /* something else */
        sim.late = late;
        *(high ? &sim.high_left : &sim.write_left) = step;
        done = !write_new(lba, count);
        sim.write_left = sim.high_left = NEVER;
        read_all();
        if (w.growth != MAP_GROWS_IN_MEMORY && !late && !high)
            judge_file();
        CHECK_EQ(write_new(lba, count), 0);
        read_all();
        if (w.growth != MAP_GROWS_IN_MEMORY)
            judge_file();
    }
}

TEST(failures_at_every_step)
{
    for (unsigned g = 0; g < 3; g++)
        for (unsigned how = 0; how < 16; how += sizeof(void *) == 8 ? 1 : 3) {
            w = (struct world){.growth = growths[g],
                               .shift = 3,
                               .pages = 20,
                               .slots = 12,
                               .junk = how & 1,
                               .pieces = how & 2,
                               .v86 = how & 4};
            failures(4 * 8 + 6, 11, how & 8, false); /* pages 4, 5 and 6 */
            failures(4 * 8 + 6, 11, false, true);
            failures(3, 8, how & 8, false); /* 0 and 1 */
        }
}

TEST(metadata_that_make_no_sense)
{
    w = (struct world){.growth = MAP_GROWS_DYNAMIC, .shift = 4, .pages = 20, .slots = 2};
    static const uint32_t wrong[] = {0, 0xffffffff, 0x7fffff00};
    for (unsigned i = 0; i < 3; i++) {
        world_make();
        bat_put(1, wrong[i]);
        uint32_t before = sim.writes;
        CHECK_EQ(write_new(16, 1), STATUS_UNDEFINED);
        CHECK_EQ(sim.writes, before);
    }
    world_make(); /* a page of the file that says it is not writable */
    for (uint32_t page = header.file_page; page < header.cell_count; page++)
        sim.cells[page] &= ~(uint64_t)MAP_WRITABLE;
    CHECK_EQ(write_new(0, 1), STATUS_UNDEFINED);
    world_make(); /* memory that is not the handler's */
    sim.cells[0] = map_cell(MAP_RAM, 0, 0, 0x100000 >> 9) | MAP_WRITABLE;
    CHECK_EQ(edd_call(0x4300, 0, 1, BUFFER), STATUS_UNDEFINED);
    CHECK_EQ(edd_call(0x4200, 0, 1, BUFFER), STATUS_UNDEFINED);
    cells_forget();
    sim.cells[0] = map_cell(MAP_RAM, 0, 0, (RAM_ADDRESS + RAM_BYTES - 512) >> 9) | MAP_WRITABLE;
    CHECK_EQ(edd_call(0x4300, 0, 1, BUFFER), 0);
    CHECK_EQ(edd_call(0x4300, 0, 2, BUFFER), STATUS_UNDEFINED);
    sim.cells[0] = map_cell(MAP_MIXED, 0, 0, header.cell_count - 1);
    cells_forget();
    CHECK_EQ(edd_call(0x4200, 0, 1, BUFFER), STATUS_UNDEFINED);
}
