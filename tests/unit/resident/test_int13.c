/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The resident handler's C against a simulated machine: every map, every refusal of the BIOS.
 *
 * Long because each test of a function is run on the one map with all kinds of pages, made here.
 */
#include "machine/caller.h"

#define PAGE     4096u
#define SECTORS  (20 * PAGE - 77)

/* What each sector of the disk should be: drive sector, or one of these. */
#define IS_ZERO  UINT32_MAX
#define NO_WRITE 0x80000000u
static uint32_t expected[SECTORS];

static uint32_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(random_state >> 4) * limit >> 28);
}

/* Page 0 direct, 1 in `runs` pieces with holes, 2 zero, 3 not writable, the rest direct. */
static void map_make(unsigned runs)
{
    uint32_t pages = (SECTORS + PAGE - 1) / PAGE, cell = pages, place = 100000;

    for (uint32_t page = 0; page < pages; page++) {
        uint32_t count = page == pages - 1 ? SECTORS - page * PAGE : PAGE;
        if (page == 1 || page == 5) {
            sim.cells[page] = map_cell(MAP_SPLIT, 0, runs - 1, cell);
            for (uint32_t r = 0; r < runs; r++) {
                uint32_t first = r * count / runs, end = (r + 1) * count / runs;
                bool zero = r % 5 == 3;
                uint32_t at = 200000 + page * 8192 + (runs - 1 - r) * (count / runs + 1);
                sim.cells[cell++] = zero ? map_cell(MAP_ZERO, 0, first, 0)
                                         : map_cell(MAP_DIRECT, 0, first, at) | MAP_WRITABLE;
                for (uint32_t i = first; i < end; i++)
                    expected[page * PAGE + i] = zero ? IS_ZERO : at + i - first;
            }
            continue;
        }
        for (uint32_t i = 0; i < count; i++)
            expected[page * PAGE + i] =
                page == 2 ? IS_ZERO : (place + i) | (page == 3 ? NO_WRITE : 0);
        sim.cells[page] = page == 2
                              ? map_cell(MAP_ZERO, 0, 0, 0)
                              : map_cell(MAP_DIRECT, 0, 0, place) | (page == 3 ? 0 : MAP_WRITABLE);
        place += count + 50;
    }
    header.page_count = pages;
    header.cell_count = cell;
}

static void start(void)
{
    sim_start();
    random_state = 1;
    header.sectors = SECTORS;
    header.cylinders = SECTORS / (16 * 63);
    map_make(40);
}

static uint8_t chs_call(uint8_t ah, uint32_t lba, uint8_t count, uint32_t buffer)
{
    uint32_t track = lba / 63, cylinder = track / 16;
    frame.c.x = (cylinder & 0xff) << 8 | cylinder >> 8 << 6 | (lba % 63 + 1);
    frame.d.h = (uint8_t)(track % 16);
    frame.es = (uint16_t)(buffer >> 4);
    frame.b.x = buffer & 15;
    return call((uint16_t)(ah << 8 | count));
}

static void check_data(uint32_t buffer, uint32_t lba, uint32_t count)
{
    for (uint32_t s = 0; s < count; s++) {
        uint32_t want = expected[lba + s];
        for (unsigned i = 0; i < 512; i++) {
            uint32_t at = want & ~NO_WRITE;
            uint8_t byte = want == IS_ZERO ? 0 : sim_drive(at, i);
            CHECK_EQ(*sim_linear(buffer + s * 512 + i), byte);
        }
    }
}

static void random_reads(unsigned rounds, uint32_t most)
{
    for (unsigned r = 0; r < rounds; r++) {
        uint32_t count = 1 + random_below(most);
        uint32_t lba = random_below(SECTORS - count + 1);
        uint32_t buffer = BUFFER + random_below(4096);
        memset(sim.memory + BUFFER - 16, 0xcc, 4096 + most * 512 + 32);
        if (r & 1 && count < 256 && lba < header.cylinders * 16u * 63) {
            CHECK_EQ(chs_call(0x02, lba, (uint8_t)count, buffer), 0);
            CHECK_EQ(frame.a.l, count);
        } else {
            CHECK_EQ(edd_call(0x4200, lba, (uint16_t)count, buffer), 0);
            CHECK_EQ(packet_count(), count);
        }
        CHECK(!carry());
        check_data(buffer, lba, count);
        CHECK_EQ(sim.memory[buffer - 1], 0xcc);
        CHECK_EQ(sim.memory[buffer + count * 512], 0xcc);
    }
}

TEST(reads_every_kind_of_page)
{
    start();
    random_reads(400, 300);
}

TEST(finds_runs_among_any_number)
{
    static const unsigned counts[] = {1, 2, 31, 32, 33, 63, 64, 65, 512, 4096};
    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        start();
        map_make(counts[i]);
        for (unsigned r = 0; r < 300; r++) {
            uint32_t lba = (r & 1 ? 1 : 5) * PAGE + random_below(PAGE);
            CHECK_EQ(edd_call(0x4200, lba, 1, BUFFER), 0);
            check_data(BUFFER, lba, 1);
        }
    }
}

TEST(a_known_run_costs_no_look_at_the_map)
{
    start();
    for (unsigned v86 = 0; v86 < 2; v86++) {
        sim.v86 = v86;
        map_make(4096);
        cells_forget();
        CHECK_EQ(edd_call(0x4200, 2000, 8, BUFFER), 0);
        CHECK_EQ(edd_call(0x4200, PAGE + 2000, 1, BUFFER), 0);
        unsigned opened = sim.opened, fetches = sim.fetches;
        CHECK_EQ(edd_call(0x4200, PAGE + 2000, 1, BUFFER), 0);
        CHECK_EQ(edd_call(0x4200, 3 * PAGE + 20, 8, BUFFER), 0);
        CHECK_EQ(edd_call(0x4200, 3 * PAGE + 28, 8, BUFFER), 0);
        CHECK_EQ(sim.opened, opened + !v86);
        CHECK_EQ(sim.fetches, fetches + v86); /* for page 3 */
    }
    CHECK(sim.fetches && sim.fetches == sim.fetches_v86);
}

TEST(a_run_goes_on_over_pages)
{
    start();
    sim.cells[0] = map_cell(MAP_DIRECT, 0, 2, 1000) | MAP_WRITABLE;
    for (uint32_t i = 0; i < 3 * PAGE; i++)
        expected[i] = 1000 + i;
    CHECK_EQ(edd_call(0x4200, PAGE - 20, 100, BUFFER), 0);
    check_data(BUFFER, PAGE - 20, 100);
    CHECK_EQ(sim.calls, 1);
    CHECK_EQ(edd_call(0x4200, 3 * PAGE - 20, 20, BUFFER), 0);
    check_data(BUFFER, 3 * PAGE - 20, 20);
    CHECK_EQ(sim.opened, 1);
    CHECK_EQ(edd_call(0x4200, 3 * PAGE, 20, BUFFER), 0); /* not writable, and elsewhere */
    check_data(BUFFER, 3 * PAGE, 20);
    CHECK_EQ(sim.opened, 2);
}

/* Some memory managers stop the machine where the map's memory is copied. Who starts a disk in one
 * piece in real mode never asks them for it. */
static void one_piece(void)
{
    start();
    header.page_count = header.cell_count = (SECTORS + PAGE - 1) / PAGE;
    for (uint32_t page = 0; page < header.page_count; page++)
        sim.cells[page] =
            map_cell(MAP_DIRECT, 0, header.page_count - 1 - page, 1000 + page * PAGE) |
            MAP_WRITABLE;
    for (uint32_t i = 0; i < SECTORS; i++)
        expected[i] = 1000 + i;
}

static void everywhere_without_the_map(void)
{
    sim.v86 = sim.no_high = true;
    for (uint32_t lba = SECTORS - 8; lba > 5000; lba -= 5000) {
        CHECK_EQ(edd_call(0x4200, lba, 8, BUFFER), 0);
        check_data(BUFFER, lba, 8);
        CHECK_EQ(edd_call(0x4300, lba, 8, BUFFER), 0);
        CHECK_EQ(edd_call(0x4200, lba - 3000, 8, BUFFER), 0);
        check_data(BUFFER, lba - 3000, 8);
    }
    CHECK(sim.writes && !sim.fetches);
}

TEST(a_disk_in_one_piece_needs_the_map_once)
{
    one_piece();
    CHECK_EQ(edd_call(0x4200, 3 * PAGE - 1, 1, BUFFER), 0);
    CHECK_EQ(edd_call(0x4200, 20, 1, BUFFER), 0); /* an earlier page: its run begins there */
    CHECK_EQ(sim.opened, 2);
    everywhere_without_the_map();
    CHECK_EQ(sim.opened, 2);
}

TEST(a_disk_whose_one_run_was_filled_in_never_needs_the_map)
{
    one_piece();
    run = (struct resident_run){
        .lba = 1000, .left = SECTORS, .cell = MAP_DIRECT | MAP_WRITABLE, .write = RUN_BOTH};
    everywhere_without_the_map();
    sim.v86 = sim.no_high = false;
    random_reads(200, 300);
    CHECK_EQ(sim.opened, 0);
}

/* What is read after a miss may lie in front of it. */
TEST(a_run_begins_with_its_cell)
{
    for (unsigned v86 = 0; v86 < 2; v86++) {
        start();
        sim.v86 = v86;
        map_make(4);
        CHECK_EQ(edd_call(0x4200, PAGE - 1, 1, BUFFER), 0); /* the first page */
        CHECK_EQ(edd_call(0x4200, 0, 300, BUFFER), 0);
        check_data(BUFFER, 0, 300);
        CHECK_EQ(sim.opened + sim.fetches, 1);
        CHECK_EQ(edd_call(0x4200, PAGE + 2047, 1, BUFFER), 0); /* the second run of pieces */
        unsigned looks = sim.opened + sim.fetches;
        CHECK_EQ(edd_call(0x4200, PAGE + 1024, 300, BUFFER), 0);
        check_data(BUFFER, PAGE + 1024, 300);
        CHECK_EQ(sim.opened + sim.fetches, looks);
        CHECK_EQ(edd_call(0x4200, PAGE + 1023, 1, BUFFER), 0); /* is another's */
        check_data(BUFFER, PAGE + 1023, 1);
        CHECK(sim.opened + sim.fetches > looks);
    }
}

TEST(a_seek_asks_for_a_track_only)
{
    start();
    frame.d.h = 15;
    frame.c.x = (uint32_t)(header.cylinders - 1) << 8 & 0xff00;
    frame.c.l = (uint8_t)((header.cylinders - 1) >> 8 << 6); /* sector 0 */
    CHECK_EQ(call(0x0c00), 0);
    frame.c.l |= 63;
    header.sectors_per_track = 62;
    CHECK_EQ(call(0x0c00), 0);
    frame.d.h = 16;
    CHECK_EQ(call(0x0c01), 0x01);
    frame.d.h = 0;
    frame.c.x = (uint32_t)header.cylinders << 8 & 0xff00;
    frame.c.l = (uint8_t)(header.cylinders >> 8 << 6 | 1);
    CHECK_EQ(call(0x0c01), 0x01);
    CHECK_EQ(sim.calls, 0);
}

TEST(copies_where_a20_is_off)
{
    start();
    sim.no_open = true;
    random_reads(100, 40);
    CHECK(sim.fetches && !sim.opened);
}

TEST(large_counts_are_split)
{
    start();
    CHECK_EQ(edd_call(0x4200, 0, 600, BUFFER), 0);
    check_data(BUFFER, 0, 600);
    header.bios_sectors_max = sim.most = 7;
    CHECK_EQ(edd_call(0x4200, 9 * PAGE - 3, 600, BUFFER), 0);
    check_data(BUFFER, 9 * PAGE - 3, 600);
}

TEST(a_segment_end_is_no_wrap)
{
    start();
    memset(sim.memory + 0x20000, 0xcc, 0x30000);
    uint16_t words[4] = {0x10, 4, 0xfe01, 0x3000};
    uint64_t lba = 77;
    memcpy(packet_at(), words, 8);
    memcpy(packet_at() + 8, &lba, 8);
    frame.ds = CALLER_DS;
    frame.si.x = PACKET;
    CHECK_EQ(call(0x4200), 0);
    check_data(0x3fe01, 77, 4);
    CHECK_EQ(sim.memory[0x30000], 0xcc);
}

TEST(buffers_end_with_the_high_memory_area)
{
    start();
    uint16_t words[4] = {0x10, 2, 0xfbf0, 0xffff};
    memcpy(packet_at(), words, 8);
    memset(packet_at() + 8, 0, 8);
    frame.ds = CALLER_DS;
    frame.si.x = PACKET;
    CHECK_EQ(call(0x4200), 0);
    check_data(0x10fbe0, 0, 2);
    packet_at()[2] = 3;
    CHECK_EQ(call(0x4200), STATUS_BOUNDARY);
    CHECK_EQ(packet_count(), 0);
}

TEST(nothing_outside_the_disk)
{
    static const struct {
        uint64_t lba;
        uint16_t count;
    } bad[] = {{SECTORS, 1},        {SECTORS - 1, 2}, {0x100000000, 1}, {UINT64_MAX, 1},
               {UINT64_MAX - 1, 2}, {0, 65535},       {1ull << 63, 1}};
    start();
    header.sectors = 60000; /* and a count that passes the end */
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memset(sim.memory + BUFFER, 0xcc, 1024);
        for (unsigned ah = 0x42; ah <= 0x47; ah += ah == 0x44 ? 3 : 1) {
            CHECK_EQ(edd_call((uint16_t)(ah << 8), bad[i].lba, bad[i].count, BUFFER), 0x01);
            CHECK(carry());
            CHECK_EQ(packet_count(), 0);
        }
        CHECK_EQ(sim.memory[BUFFER], 0xcc);
    }
    CHECK_EQ(sim.calls, 0);
    header.sectors = SECTORS;
    CHECK_EQ(edd_call(0x4200, SECTORS - 1, 1, BUFFER), 0);
    check_data(BUFFER, SECTORS - 1, 1);
    CHECK_EQ(edd_call(0x4200, SECTORS, 0, BUFFER), 0);
}

TEST(bad_packets)
{
    start();
    CHECK_EQ(edd_call(0x4200, 0, 1, BUFFER), 0);
    packet_at()[0] = 15;
    CHECK_EQ(call(0x4200), 0x01);
    packet_at()[0] = 0x18;
    CHECK_EQ(call(0x4200), 0);
    packet_at()[4] = packet_at()[5] = packet_at()[6] = packet_at()[7] = 0xff;
    CHECK_EQ(call(0x4200), STATUS_BOUNDARY); /* flat addresses are not offered */
    CHECK_EQ(edd_call(0x4303, 0, 1, BUFFER), 0x01);
    frame.ds = 0xffff;
    frame.si.x = 0xfff8;
    CHECK_EQ(call(0x4200), 0x01);
    CHECK_EQ(call(0x4800), 0x01);
}

TEST(bad_chs)
{
    start();
    frame.es = BUFFER >> 4;
    frame.b.x = 0;
    for (unsigned ah = 2; ah <= 4; ah++) {
        frame.d.h = 0;
        frame.c.x = 0x0000; /* sector 0 */
        CHECK_EQ(call((uint16_t)(ah << 8 | 1)), 0x01);
        frame.d.h = 16;
        frame.c.x = 0x0001;
        CHECK_EQ(call((uint16_t)(ah << 8 | 1)), 0x01);
        frame.d.h = 0;
        frame.c.x = (uint32_t)header.cylinders << 8 | 1;
        CHECK_EQ(call((uint16_t)(ah << 8 | 1)), 0x01);
        frame.c.x = 0x0001;
        CHECK_EQ(call((uint16_t)(ah << 8)), 0x01); /* no sectors */
        header.sectors_per_track = 62;
        frame.c.x = 63;
        CHECK_EQ(call((uint16_t)(ah << 8 | 1)), 0x01);
        header.sectors_per_track = 63;
    }
    CHECK_EQ(sim.calls, 0);
    CHECK_EQ(chs_call(0x02, header.cylinders * 16 * 63 - 1, 1, BUFFER), 0);
    check_data(BUFFER, header.cylinders * 16 * 63 - 1, 1);
    CHECK_EQ(chs_call(0x04, 5, 9, BUFFER), 0);
    CHECK_EQ(frame.a.l, 9);
    CHECK_EQ(chs_call(0x0c, 5, 200, BUFFER), 0);
}

TEST(writes_go_where_the_map_says)
{
    start();
    for (unsigned r = 1; r < 100; r++) {
        uint32_t lba = random_below(SECTORS - 8);
        uint8_t value = (uint8_t)r;
        memset(sim.memory + BUFFER, value, 8 * 512);
        bool allowed = true;
        uint32_t before = 0;
        for (unsigned i = 0; i < 8; i++) {
            bool fine = expected[lba + i] < NO_WRITE;
            before += allowed && fine;
            allowed &= fine;
        }
        uint8_t status = edd_call(0x4300, lba, 8, BUFFER);
        CHECK_EQ(status, allowed ? 0 : STATUS_FAULT);
        CHECK_EQ(packet_count(), allowed ? 8 : before);
        for (unsigned i = 0; i < before; i++)
            CHECK_EQ(sim_drive(expected[lba + i], 99), value);
    }
    random_reads(100, 64);
}

TEST(write_protected_disk)
{
    start();
    header.write_protected = 1;
    CHECK_EQ(edd_call(0x4300, 0, 1, BUFFER), STATUS_WRITE_PROTECTED);
    CHECK_EQ(packet_count(), 0);
    CHECK_EQ(chs_call(0x03, 0, 1, BUFFER), STATUS_WRITE_PROTECTED);
    CHECK_EQ(frame.a.l, 0);
    CHECK_EQ(sim.calls, 0);
}

TEST(read_errors_tell_the_truth)
{
    start();
    sim.bad_lba = expected[300];
    header.bios_sectors_max = 16;
    CHECK_EQ(edd_call(0x4200, 256, 100, BUFFER), 0x10);
    CHECK_EQ(packet_count(), 32);
    check_data(BUFFER, 256, 32);
    CHECK_EQ(call(0x0100), 0x10);
    CHECK(carry());
    CHECK_EQ(call(0x0100), 0x10);
    CHECK_EQ(chs_call(0x02, 256, 100, BUFFER), 0x10);
    CHECK_EQ(frame.a.l, 32);
    sim.bad_lba = UINT64_MAX;
    CHECK_EQ(call(0x0000), 0);
    CHECK_EQ(edd_call(0x4200, 256, 100, BUFFER), 0);
    check_data(BUFFER, 256, 100);
}

TEST(borders_of_64_kib_only_where_the_bios_wants_them)
{
    start();
    CHECK_EQ(edd_call(0x4200, 0, 100, 0x3f000), 0);
    CHECK_EQ(sim.calls, 1);
    sim.no_border = true;
    CHECK_EQ(edd_call(0x4200, 0, 100, 0x3f000), 0);
    check_data(0x3f000, 0, 100);
    CHECK(split_64k);
    CHECK_EQ(edd_call(0x4200, 0, 300, 0x30f01), 0); /* borders inside sectors */
    check_data(0x30f01, 0, 300);
    memset(sim.memory + 0x3ff01, 0x42, 1024);
    CHECK_EQ(edd_call(0x4300, 9, 2, 0x3ff01), 0);
    CHECK_EQ(sim_drive(expected[9], 7), 0x42);
    CHECK_EQ(sim_drive(expected[10], 7), 0x42);
}

TEST(a_bios_without_edd)
{
    start();
    header.drive_edd[0] = 0;
    random_reads(200, 200);
    memset(sim.memory + BUFFER, 0x33, 512);
    CHECK_EQ(chs_call(0x03, 70, 1, BUFFER), 0);
    CHECK_EQ(sim_drive(expected[70], 7), 0x33);
    sim.cells[0] = map_cell(MAP_DIRECT, 0, 0, 1024 * 16 * 63) | MAP_WRITABLE;
    cells_forget();
    CHECK_EQ(edd_call(0x4200, 0, 1, BUFFER), 0x01);
    sim.cells[0] = map_cell(MAP_DIRECT, 0, 0, 1ull << 39) | MAP_WRITABLE;
    cells_forget();
    CHECK_EQ(edd_call(0x4200, 0, 1, BUFFER), 0x01);
}

TEST(virtual_8086_mode)
{
    start();
    sim.v86 = true;
    random_reads(100, 40);
    CHECK(sim.fetches_v86);
    CHECK_EQ(edd_call(0x4200, 20, 6, REMAPPED), 0);
    check_data(REMAPPED, 20, 6);
    CHECK_EQ(edd_call(0x4200, 2 * PAGE, 6, REMAPPED), 0);
    check_data(REMAPPED, 2 * PAGE, 6);
    memset(sim_linear(REMAPPED), 0x66, 512);
    CHECK_EQ(edd_call(0x4300, 21, 1, REMAPPED), 0);
    CHECK_EQ(sim_drive(expected[21], 7), 0x66);
    sim.no_high = true;
    cells_forget();
    CHECK_EQ(edd_call(0x4200, 20, 6, BUFFER), STATUS_CONTROLLER);
    CHECK_EQ(packet_count(), 0);
}

TEST(virtual_8086_mode_with_dma_services)
{
    start();
    sim.v86 = sim.vds = true;
    random_reads(100, 300);
    CHECK_EQ(edd_call(0x4200, 20, 100, BUFFER), 0);
    unsigned calls = sim.calls;
    CHECK_EQ(edd_call(0x4200, 10, 100, BUFFER), 0);
    CHECK_EQ(sim.calls, calls + 1);
    check_data(BUFFER, 10, 100);
    CHECK_EQ(edd_call(0x4200, 20, 60, REMAPPED - 0x2000), 0); /* the page and both its sides */
    check_data(REMAPPED - 0x2000, 20, 60);
    memset(sim_linear(BUFFER), 0x66, 1024);
    calls = sim.calls;
    CHECK_EQ(edd_call(0x4300, 21, 2, BUFFER), 0);
    CHECK_EQ(sim.calls, calls + 1);
    CHECK_EQ(sim_drive(expected[22], 7), 0x66);
    sim.bad_lba = expected[33];
    CHECK_EQ(edd_call(0x4200, 20, 60, BUFFER), 0x10); /* call() checks that nothing stays locked */
    sim.no_border = true;
    CHECK_EQ(edd_call(0x4200, 40, 100, 0x2fff0), 0);
    check_data(0x2fff0, 40, 100);
}

TEST(a_destroyed_map_is_no_transfer)
{
    static const uint64_t bad[] = {
        MAP_SPLIT | (uint64_t)19999 << MAP_LBA_SHIFT | 0xffff00, /* runs beyond the map */
        MAP_SPLIT | UINT64_MAX << MAP_LBA_SHIFT,
        MAP_MIXED,
        MAP_RAM,
        7,
        MAP_DIRECT | 5 << MAP_DRIVE_SHIFT,
        UINT64_MAX,
    };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        start();
        sim.cells[0] = bad[i];
        CHECK_EQ(edd_call(0x4200, 0, 1, BUFFER), STATUS_UNDEFINED);
        CHECK_EQ(sim.calls, 0);
    }
    start();
    for (uint32_t r = 0; r < 40; r++) /* a SPLIT page whose runs all start too late */
        sim.cells[header.page_count + r] = map_cell(MAP_DIRECT, 0, 4000, 5);
    CHECK_EQ(edd_call(0x4200, PAGE, 1, BUFFER), STATUS_UNDEFINED);
    start();
    for (unsigned r = 0; r < 3000; r++) { /* rubbish in every cell: an end, and no wild transfer */
        for (uint32_t c = 0; c < header.cell_count; c++)
            sim.cells[c] =
                ((uint64_t)random_below(300000) << MAP_LBA_SHIFT) | random_below(1 << 23);
        cells_forget();
        edd_call(0x4200, random_below(SECTORS - 3), 3, BUFFER);
    }
}

TEST(every_other_function_is_refused)
{
    static const uint8_t known[] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x08, 0x09, 0x0c, 0x0d, 0x10,
                                    0x11, 0x14, 0x15, 0x41, 0x42, 0x43, 0x44, 0x47, 0x48};
    start();
    for (unsigned ah = 0; ah < 256; ah++) {
        if (memchr(known, (int)ah, sizeof(known)))
            continue;
        CHECK_EQ(call((uint16_t)(ah << 8 | 0x42)), 0x01);
        CHECK(carry());
        CHECK_EQ(frame.a.l, 0x42);
    }
    CHECK_EQ(sim.calls, 0);
}

TEST(parameters_08_15_41)
{
    start();
    sim.memory[BDA_HD_COUNT] = 2;
    frame.b.x = 0x12345678;
    CHECK_EQ(call(0x0800), 0);
    CHECK_EQ(frame.c.h, header.cylinders - 1);
    CHECK_EQ(frame.c.l, 63);
    CHECK_EQ(frame.d.h, 15);
    CHECK_EQ(frame.d.l, 2);
    CHECK_EQ(frame.b.x, 0x12345678);
    sim.memory[BDA_HD_COUNT] = 1; /* somebody counted again */
    CHECK_EQ(call(0x0800), 0);
    CHECK_EQ(sim.memory[BDA_HD_COUNT], 2);
    sim.memory[BDA_HD_COUNT] = 3; /* somebody put one more drive in front */
    CHECK_EQ(call(0x0800), 0);
    CHECK_EQ(frame.d.l, 3);
    header.cylinders = 1024;
    header.hidden_drives = 1;
    sim.memory[BDA_HD_COUNT] = 1;
    CHECK_EQ(call(0x0800), 0);
    CHECK_EQ(frame.c.w, 0xffff);
    CHECK_EQ(frame.d.l, 1);
    CHECK_EQ(call(0x1500), 3);
    CHECK_EQ((uint32_t)frame.c.w << 16 | frame.d.w, SECTORS);
    header.sectors = 0x123456789;
    CHECK_EQ(call(0x1500), 3);
    CHECK_EQ((uint32_t)frame.c.w << 16 | frame.d.w, 0xffffffff);
    frame.b.w = 0x55aa;
    CHECK_EQ(call(0x4180), 0x30);
    CHECK_EQ(frame.b.w, 0xaa55);
    CHECK_EQ(frame.c.w, 5);
    CHECK_EQ(frame.a.l, 0x80);
    frame.b.w = 0;
    CHECK_EQ(call(0x4100), 0x01);
}

TEST(parameters_48)
{
    start();
    uint8_t *edd = (uint8_t *)&header.edd;
    for (unsigned i = 0; i < sizeof(header.edd); i++)
        edd[i] = (uint8_t)(0x40 + i);
    edd[0] = 0x1e;
    edd[1] = 0;
    for (unsigned size = 0; size < 0x80; size++) {
        memset(packet_at(), 0xcc, 0x80);
        packet_at()[0] = (uint8_t)size;
        packet_at()[1] = 0;
        frame.ds = CALLER_DS;
        frame.si.x = PACKET;
        unsigned wrote = size < 0x1a ? 1 : size < 0x1e ? 0x1a : 0x1e;
        CHECK_EQ(call(0x4800), size < 0x1a ? 0x01 : 0x00);
        if (size >= 0x1a)
            CHECK_EQ(packet_at()[0], wrote);
        for (unsigned i = 2; i < 0x80; i++)
            CHECK_EQ(packet_at()[i], i < wrote && size >= 0x1a ? 0x40 + i : 0xcc);
    }
}
