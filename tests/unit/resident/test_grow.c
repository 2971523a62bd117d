/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages that grow, on maps made by hand: what is read, what is written where and in which order,
 * and what is left where a write fails.
 */
#include "unit/resident/grow_world.h"

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
            for (unsigned how = 0; how < (g == 1 ? 8 : 4); how++) {
                w = (struct world){.growth = growths[g],
                                   .shift = shifts[s],
                                   .pages = 20,
                                   .slots = 20,
                                   .noted = how & 4,
                                   .junk = how & 1,
                                   .pieces = how & 2,
                                   .v86 = (s + how) & 1,
                                   .bounce = how & 3 ? BOUNCE_SECTORS : 1};
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
    CHECK_EQ(write_new(100, 3), 0); /* absent: BAT, bitmap of ones, data */
    check_order(from,
                (int64_t[]){BAT_SECTOR, slot, slot + 1, slot + 102, slot + 103, slot + 104, -1});
    CHECK(filled(from + 2, 0xff) && filled(from + 3, 0xff));
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
                                  slot + 8, BAT_SECTOR, slot, slot + 7, -1});
    sim.cells[header.record_next + MAP_RECORD_OWN] &= ~(uint64_t)MAP_OWN_DIRTY; /* as is said */
    for (uint32_t i = 0; i < w.stride; i++)
        file_put(slot + w.stride + i, 0, 0, 0, 0);
    from = sim.writes;
    CHECK_EQ(write_new(4 * 8 + 1, 1), 0);
    slot += w.stride;
    check_order(from, (int64_t[]){BAT_SECTOR, slot, slot + 2, -1});
    judge();
}

/* A first slot of 128 sectors that nobody knows, and of which only `junk` holds something. Returns
 * the calls so far. */
static unsigned look_calls(uint8_t sectors, uint32_t junk)
{
    w = (struct world){.growth = MAP_GROWS_DYNAMIC,
                       .shift = 7,
                       .pages = 8,
                       .slots = 3,
                       .junk = true,
                       .bounce = sectors};
    world_make();
    for (uint32_t i = 0; i < 128; i++)
        file_put(w.first_slot + w.bitmap + i, junk && i == junk ? 0x5a : 0, 0, 0, 0);
    return sim.calls;
}

/* Pieces that such a slot is looked at in: the file's place is known page by page. */
static unsigned look_pieces(uint32_t sectors)
{
    uint32_t at = w.first_slot + w.bitmap, end = at + 128;
    unsigned pieces = 0;
    for (; at < end; pieces++) {
        uint32_t page_end = (at | 127) + 1;
        at += sectors;
        at = at < page_end ? at : page_end;
    }
    return pieces;
}

/* With a larger buffer a slot is looked at in pieces of it, and such a piece is made zero. */
TEST(slots_are_looked_at_in_pieces_of_the_buffer)
{
    for (unsigned most = 1; most <= BOUNCE_SECTORS; most++) {
        unsigned calls = look_calls((uint8_t)most, 0);
        uint32_t from = sim.writes, slot = w.first_slot;
        CHECK_EQ(write_new(100, 1), 0);
        CHECK_EQ(sim.calls - calls, look_pieces(most) + 4); /* BAT, bits, data */
        check_order(from, (int64_t[]){BAT_SECTOR, slot, slot + 101, -1});
        judge();
    }
    unsigned calls = look_calls(3, 1);
    uint32_t from = sim.writes, slot = w.first_slot;
    CHECK_EQ(write_new(100, 1), 0);
    CHECK_EQ(sim.calls - calls, look_pieces(3) + 1 + 4);
    check_order(from, (int64_t[]){slot + 1, slot + 2, slot + 3, BAT_SECTOR, slot, slot + 101, -1});
    judge();
}

/* A piece that the BIOS does not do is looked at sector by sector, as all that come after it. */
TEST(pieces_of_a_slot_that_fail)
{
    for (unsigned late = 0; late < 2; late++) {
        unsigned calls = look_calls(8, 127);
        *(late ? &sim.write_left : &sim.fail_calls) = late ? 3 : 1; /* of the piece with junk */
        sim.late = late;
        if (!late) {
            CHECK_EQ(write_new(100, 1), 0);
            CHECK_EQ(sim.calls - calls, 1 + 128 + 1 + 4);
        } else {
            CHECK_EQ(write_new(100, 1), 0x80); /* the sector by itself fails, too */
            sim.write_left = NEVER;
            CHECK_EQ(write_new(100, 1), 0);
        }
        CHECK_EQ(header.bounce_sectors, 1);
        judge();
    }
    (void)look_calls(8, 0);
    sim.bad_lba = file_lba(w.first_slot + w.bitmap + 50);
    uint32_t from = sim.writes;
    for (unsigned n = 0; n < 2; n++)
        CHECK_EQ(write_new(100, 1), 0x10);
    CHECK_EQ(sim.writes, from);
    (void)look_calls(8, 0); /* what fails elsewhere changes nothing */
    sim.bad_lba = file_lba(w.first_slot - w.stride + w.bitmap + 5);
    CHECK_EQ(edd_call(0x4200, 128, 20, BUFFER), 0x10);
    CHECK_EQ(header.bounce_sectors, 8);
}

/* A file's sector that cannot be written is not one that was, whatever the buffer is. */
TEST(single_sectors_of_a_large_buffer_fail_as_they_are)
{
    for (unsigned step = 0; step < 2; step++) {
        (void)look_calls(8, 0);
        sim.write_left = step;
        CHECK_EQ(write_new(100, 1), 0x80);
        CHECK_EQ(header.bounce_sectors, 8);
    }
}

/* Of three slots the first was looked at ahead, and a note vouches for the last: what is said to be
 * zero is not even read, and only the one between is made so. */
TEST(order_dynamic_between_looked_at_and_noted)
{
    w = (struct world){
        .growth = MAP_GROWS_DYNAMIC, .shift = 3, .pages = 16, .slots = 3, .junk = true};
    world_make();
    for (uint32_t n = 0; n < 3; n += 2)
        sim.cells[header.record_next + n * header.record_cells + MAP_RECORD_OWN] &=
            ~(uint64_t)MAP_OWN_DIRTY;
    for (uint32_t n = 0; n < 3; n++) {
        uint32_t slot = w.first_slot + n * w.stride;
        for (uint32_t i = 0; i < w.stride && n != 1; i++)
            file_put(slot + i, 0, 0, 0, 0);
        uint32_t from = sim.writes;
        CHECK_EQ(write_new(n * 4 * 8 + 2, 1), 0);
        check_order(from,
                    n == 1 ? (int64_t[]){slot + 1, slot + 2, slot + 3, slot + 4, slot + 5, slot + 6,
                                         slot + 7, slot + 8, BAT_SECTOR, slot, slot + 3, -1}
                           : (int64_t[]){BAT_SECTOR, slot, slot + 3, -1});
    }
    judge();
}

/* Slots that are not linked hold zeros still, whichever write to them or to the BAT has failed. */
TEST(what_failed_leaves_slots_empty)
{
    w = (struct world){.growth = MAP_GROWS_DYNAMIC, .shift = 3, .pages = 40, .slots = 6};
    for (unsigned late = 0; late < 2; late++)
        for (uint32_t step = 0; step < 3; step++) {
            uint8_t data[512], zeros[512] = {0}, bat[512];
            world_make();
            for (uint32_t n = 0; n < 6; n++) {
                sim.late = late;
                sim.write_left = step;
                (void)write_new(n * 4 * 8 + 2, 1);
                sim.write_left = NEVER;
            }
            file_sector(bat, BAT_SECTOR);
            for (uint32_t n = 0; n < 6; n++) {
                uint32_t slot = w.first_slot + n * w.stride;
                bool linked = false;
                for (uint32_t page = 0; page < w.pages; page++) {
                    be32 entry;
                    memcpy(&entry, bat + page * 4, 4);
                    linked |= be32_get(entry) == slot;
                }
                for (uint32_t i = 0; i < w.stride && !linked; i++) {
                    file_sector(data, slot + i);
                    CHECK(!memcmp(data, zeros, 512));
                }
            }
        }
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

/* The sector of bits is kept in the bounce buffer from write to write. What another use of that, or
 * a write of bits that has failed, leaves there is not taken for it. */
TEST(bits_that_are_kept)
{
    for (unsigned between = 0; between < 5; between++) {
        w = (struct world){
            .growth = MAP_GROWS_DIFFERENCING, .shift = 13, .pages = 4, .slots = 2, .junk = true};
        world_make();
        CHECK_EQ(write_new(8192 + 20, 50), 0); /* pages 1 and 2 are a parent's */
        if (between == 1) {                    /* the data are on the drive, their bits are not */
            sim.write_left = 10;
            CHECK_EQ(write_new(8192 + 100, 10), 0x80);
            sim.write_left = NEVER;
        } else if (between == 2) { /* nor is what was set in memory */
            sim.high_left = 0;
            CHECK_EQ(write_new(8192 + 100, 10), STATUS_CONTROLLER);
            sim.high_left = NEVER;
        } else if (between == 3) {
            CHECK_EQ(write_new(2 * 8192 + 7, 3), 0); /* another block's */
        } else if (between == 4) {
            CHECK_EQ(write_new(8192 + 4096, 9), 0); /* another sector of them */
        }
        uint32_t fetches = sim.fetches;
        CHECK_EQ(write_new(8192 + 70, 20), 0);
        CHECK_EQ(sim.fetches - fetches, between ? 2 : 1); /* down, and up */
        read_all();
        judge();
    }
}

/* Over nothing, and in a slot that holds nothing, all of the block is the disk's own at once. */
TEST(order_differencing_over_nothing)
{
    w = (struct world){
        .growth = MAP_GROWS_DIFFERENCING, .shift = 13, .pages = 4, .slots = 2, .noted = true};
    world_make();
    for (uint32_t page = 0, slot = w.first_slot; page < 2; page++, slot += w.stride) {
        enum map_kind kind = map_cell_kind(sim.cells[page]);
        uint32_t from = sim.writes, calls = sim.calls;
        CHECK_EQ(write_new(page * 8192 + 4095, 2), 0);
        if (kind == MAP_ZERO) {
            check_order(from, (int64_t[]){BAT_SECTOR, slot, slot + 1, slot + 2 + 4095,
                                          slot + 2 + 4096, -1});
            CHECK(filled(from + 2, 0xff) && filled(from + 3, 0xff));
            CHECK_EQ(sim.calls, calls + 5); /* the BAT's sector was read, and nothing else */
            from = sim.writes;
            CHECK_EQ(write_new(page * 8192 + 17, 2), 0);
            check_order(from, (int64_t[]){slot + 2 + 17, slot + 2 + 18, -1});
        } else { /* a parent's */
            check_order(from, (int64_t[]){slot, slot + 1, BAT_SECTOR, slot + 2 + 4095, slot,
                                          slot + 2 + 4096, slot + 1, -1});
        }
    }
    CHECK_EQ(header.record_next, header.record_end);
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
                               .noted = g == 1 && how & 1,
                               .junk = how & 1,
                               .pieces = how & 2,
                               .v86 = how & 4,
                               .bounce = how & 1 ? 5 : 1};
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
