/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a volume to the map of an image that gets new blocks: pages, free records, and the slots of
 * its slack, looked at and emptied. */
#include "core/base/note.h"
#include "core/base/text.h"
#include "core/map/scrub.h"
#include "unit/entry/open_world.h"

/* A dynamic disk of four blocks of 16 KiB, `present` of them there, with room for `slots` more. */
static void dynamic_volume_of(unsigned present, unsigned slots)
{
    static const uint32_t order[] = {2, 0, 3, 1};
    static uint8_t bytes[256 * 1024];
    struct vhd_build b;
    vhd_build_start(&b, bytes, sizeof bytes, 3, DISK, 16384, 1);
    for (unsigned i = 0; i < present; i++)
        vhd_build_block(&b, order[i]);
    b.used += slots * 33 * 512;
    vhd_build_end(&b);
    volume_start();
    memcpy(add_file("a.vhd", b.used), bytes, b.used);
    mount();
}

static void dynamic_volume(unsigned slots)
{
    dynamic_volume_of(1, slots);
}

TEST(boot_dynamic_disk_grows)
{
    dynamic_volume(2);
    CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_OK);
    CHECK(!disk.write_protected && disk.map.writable);
    CHECK_EQ(disk.notes.count, 0);
    CHECK_EQ(disk.map.growth, MAP_GROWS_DYNAMIC);
    CHECK_EQ(disk.map.page_shift, 5);
    CHECK_EQ(disk.map.file_page, 4);
    CHECK_EQ(map_records(&disk.map), 2);
    CHECK_EQ(disk.map.bitmap_sectors, 1);
    CHECK_EQ(disk.map.bat_sector, 3);
    CHECK_EQ(map_find(&disk.map, 0).kind, MAP_ZERO);
    struct map_run run = map_find(&disk.map, 64);
    CHECK_EQ(run.kind, MAP_DIRECT);
    CHECK(run.writable);
    CHECK(!(disk.map.cell[2] & MAP_WRITABLE)); /* its bitmap has not been looked at */
    /* footer, header and BAT are four sectors, then block 2's bitmap and data, then the slots */
    uint64_t own = disk.map.cell[disk.map.record_first + MAP_RECORD_OWN];
    CHECK_EQ(map_cell_kind(own), MAP_FILE);
    CHECK_EQ(map_cell_lba(own), 4 + 33 + 1);
    map_memory_place(&disk.map, 0x4000000);
    CHECK_EQ(disk.map.cell[disk.map.record_first + MAP_RECORD_OWN], own);
    CHECK_EQ(map_cell_lba(disk.map.cell[disk.map.record_first + 2 + MAP_RECORD_OWN]),
             4 + 33 + 33 + 1);
    /* all of the file may be written one day */
    CHECK_EQ(map_drive_end(&disk.map, 0), run.drive_lba + 32 + 2 * 33 + 1);
    CHECK_EQ(map_drive_end(&disk.map, 1), 0);
    /* the file's pages lead to where block 2 lies */
    CHECK_EQ(map_cell_lba(disk.map.cell[disk.map.file_page]) + 4 + 1, run.drive_lba);
}

static unsigned slots_left;

static bool more_slots(void)
{
    return slots_left && slots_left--;
}

static enum err im_write(struct blk *b, uint64_t lba, uint32_t count, const void *buf,
                         struct fail *f)
{
    (void)b;
    if (lba <= im->bad_lba && im->bad_lba - lba < count)
        return fail(f, ERR_WRITE, "sector %u cannot be written", lba);
    memcpy(im->data + lba * 512, buf, (size_t)count * 512);
    return ERR_OK;
}

/* Free records whose slots are to be looked at: none is behind one that is not. */
static uint32_t dirty_records(bool from_first)
{
    uint32_t dirty = 0, clean = 0, end = disk.map.record_end;
    for (uint32_t at = disk.map.record_first; at < end; at += disk.map.record_cells) {
        bool is_dirty = disk.map.cell[at + MAP_RECORD_OWN] & MAP_OWN_DIRTY;
        CHECK(!is_dirty || !from_first || !clean);
        dirty += is_dirty;
        clean += !is_dirty;
    }
    return dirty;
}

/* Slots that hold poison are emptied, so many as there is time for, and nothing else is touched. */
TEST(boot_dynamic_disk_gets_its_slack_emptied)
{
    static uint8_t buffer[MAP_SCRUB_SECTORS * 512], before[65536];
    struct blk *drive[1];
    for (unsigned time = 0; time < 4; time++) {
        dynamic_volume(2);
        drive[0] = &im->blk;
        im->blk.write = im_write;
        CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_OK);
        uint8_t *file = im->data + map_find_file(&disk.map, 0).drive_lba * 512;
        uint32_t size = (4 + 3 * 33 + 1) * 512, slot[] = {4 + 33, 4 + 33 + 33};
        CHECK_EQ(file[(slot[0] + 1) * 512], VHD_POISON);
        memcpy(before, file, size);
        slots_left = time;
        map_scrub(&disk.map, drive, more_slots, buffer);
        unsigned done = time < 2 ? time : 2;
        CHECK_EQ(map_slots_unknown(&disk.map), 2 - done);
        CHECK_EQ(dirty_records(false), 2 - done);
        for (unsigned i = 0; i < done; i++)
            memset(before + (slot[i] + 1) * 512, 0, 32 * 512);
        CHECK(!memcmp(before, file, size));
    }

    dynamic_volume(2); /* what cannot be read, or written, is left to the handler */
    drive[0] = &im->blk;
    CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_OK);
    for (unsigned writes = 0; writes < 2; writes++) {
        im->blk.write = writes ? im_write : NULL;
        im->bad_lba = writes ? map_find_file(&disk.map, 4 + 33 + 33 + 5).drive_lba : UINT64_MAX;
        slots_left = 9;
        map_scrub(&disk.map, drive, more_slots, buffer);
        CHECK_EQ(dirty_records(false), 2 - writes);
    }
}

/* With a note only the first slot, and what lies below its range, is looked at; in front of a
 * range that is empty, of a differencing disk nothing. */
static void look_with_a_note(enum map_growth growth)
{
    static uint8_t buffer[MAP_SCRUB_SECTORS * 512];
    struct blk *drive[1];
    for (uint32_t noted = 0; noted < 5; noted++) { /* zeros are said to begin so many slots on */
        static uint8_t bytes[256 * 1024];
        struct vhd_build b;
        uint8_t id[16];
        memset(id, 1, sizeof id);
        vhd_build_start(&b, bytes, sizeof bytes, 3, DISK, 16384, 1);
        vhd_build_block(&b, 2);
        uint32_t first = b.used;
        b.used += 3 * 33 * 512;
        slack_note_make((struct slack_note *)(bytes + b.used), id,
                        noted < 4 ? first + noted * 33 * 512 : b.used, b.used);
        b.used += 512;
        vhd_build_end(&b);
        volume_start();
        memcpy(add_file("a.vhd", b.used), bytes, b.used);
        mount();
        drive[0] = &im->blk;
        im->blk.write = im_write;
        im->bad_lba = UINT64_MAX;
        CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_OK);
        CHECK_EQ(map_records(&disk.map), 3);
        uint32_t dirty = noted < 1 ? 1 : noted > 3 ? 3 : noted;
        CHECK_EQ(dirty_records(true), dirty);
        CHECK_EQ(map_slots_unknown(&disk.map), dirty);
        slots_left = 9;
        uint32_t looked = growth == MAP_GROWS_DIFFERENCING && dirty == 3 ? 0 : dirty;
        disk.map.growth = growth; /* the records are the same */
        map_scrub(&disk.map, drive, more_slots, buffer);
        CHECK_EQ(slots_left, 9 - looked);
        CHECK_EQ(dirty_records(true), dirty - looked);
        for (uint32_t slot = 0; slot < 3; slot++) {
            uint64_t lba = map_find_file(&disk.map, first / 512 + slot * 33 + 1).drive_lba;
            CHECK_EQ(im->data[lba * 512], slot < looked ? 0 : VHD_POISON);
        }
    }
}

TEST(boot_dynamic_disk_with_a_note)
{
    look_with_a_note(MAP_GROWS_DYNAMIC);
}

TEST(boot_differencing_disk_with_a_note)
{
    look_with_a_note(MAP_GROWS_DIFFERENCING);
}

/* Of a differencing VHDX only blocks of zeros of its own have to be empty. */
TEST(boot_slots_that_need_no_look)
{
    struct text t;
    char line[120];
    dynamic_volume(2);
    CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_OK);
    CHECK_EQ(map_slots_unknown(&disk.map), 2);
    text_init(&t, line, sizeof line);
    map_slots_describe(&t, &disk.map, "up to ", 40960);
    CHECK_STR(line, "no note that 2 of 2 slots for new blocks are empty: up to 40 KiB resident");
    disk.map.growth = MAP_GROWS_IN_MEMORY;
    CHECK_EQ(map_slots_unknown(&disk.map), 0);
    disk.map.growth = MAP_GROWS_DIFFERENCING;
    CHECK_EQ(map_slots_unknown(&disk.map), 0);
    disk.map.cell[1] = MAP_ZERO_OWN;
    CHECK_EQ(map_slots_unknown(&disk.map), 2);
}

TEST(boot_dynamic_disk_without_slack_says_so)
{
    dynamic_volume(0);
    CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_OK);
    CHECK(!disk.write_protected);
    CHECK(has_note(&disk.notes, "no room is left inside the VHD file"));
    CHECK_EQ(map_records(&disk.map), 0);
    CHECK_EQ(open_entry(WRITE_NONE, false), ERR_OK);
    CHECK(disk.write_protected && !map_find(&disk.map, 64).writable);
    CHECK_EQ(disk.notes.count, 0);
    CHECK_EQ(open_entry(WRITE_DISCARD, false), ERR_OK);
    CHECK(!map_find(&disk.map, 64).writable &&
          map_records(&disk.map) == (disk.map.sectors + 127) / 128);
}

/* Free records beyond what can be used would only be work. */
TEST(boot_dynamic_disk_has_a_record_for_each_absent_block_at_most)
{
    for (unsigned present = 1; present <= 4; present++) {
        for (unsigned slots = 1; slots <= 5; slots++) {
            unsigned absent = 4 - present;
            dynamic_volume_of(present, slots);
            CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_OK);
            CHECK_EQ(map_records(&disk.map), slots < absent ? slots : absent);
            CHECK_EQ(disk.map.absent, absent);
            CHECK(disk.map.writable && !disk.write_protected);
            CHECK_EQ(disk.notes.count, 0);
        }
    }
}

/* A differencing disk of four blocks over a fixed one: block 1 is there in part, and, if `two`,
 * block 3 as a whole; with room for `slots` more. Returns where the parent lies. */
static uint32_t child_volume(bool two, unsigned slots)
{
    static uint8_t bytes[256 * 1024];
    struct vhd_build b;
    volume_start();
    vhd_build_start(&b, bytes, sizeof bytes, 4, DISK, 16384, 2);
    memset(vhd_header_at(&b) + 40, 1, 16);
    put_be16(vhd_header_at(&b) + 64, 'B'); /* the parent's name, in other letters */
    memcpy(vhd_header_at(&b) + 66, "\0.\0V\0h\0d", 8);
    memset(vhd_build_block(&b, 1), 0xf0, 1);
    if (two)
        memset(vhd_build_block(&b, 3), 0xff, 4);
    b.used += slots * 33 * 512;
    vhd_build_end(&b);
    memcpy(add_file("a.vhd", b.used), bytes, b.used);
    uint32_t base = next_byte / 512;
    add_fixed("b.vhd");
    mount();
    return base;
}

TEST(boot_differencing_disk_has_a_record_for_each_absent_block_at_most)
{
    for (unsigned two = 0; two < 2; two++) {
        for (unsigned slots = 1; slots <= 5; slots++) {
            unsigned absent = 3 - two;
            (void)child_volume(two, slots);
            CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_OK);
            CHECK_EQ(map_records(&disk.map), slots < absent ? slots : absent);
            CHECK_EQ(disk.map.absent, absent);
        }
    }
}

TEST(boot_chain_on_the_volume)
{
    uint32_t base = child_volume(false, 0);
    CHECK_EQ(open_entry(WRITE_PERSISTENT, false), ERR_OK);
    CHECK_EQ(disk.chain.count, 2);
    CHECK_STR(disk.chain.link[1]->file.path, "\\b.vhd");
    CHECK(!disk.write_protected);
    CHECK_EQ(map_find(&disk.map, 0).drive_lba, base);
    CHECK_EQ(map_find(&disk.map, 36).drive_lba, base + 36);
    CHECK(map_find(&disk.map, 35).drive_lba < base);
    /* block 1 of the child is there in part: a page of two homes over the parent's */
    CHECK_EQ(disk.map.growth, MAP_GROWS_DIFFERENCING);
    CHECK_EQ(map_cell_kind(disk.map.cell[1]), MAP_MIXED);
    CHECK(map_find(&disk.map, 35).writable && !map_find(&disk.map, 36).writable);
    CHECK_EQ(map_find(&disk.map, 32).count, 4);
    CHECK_EQ(map_find(&disk.map, 36).count, 28);
    const uint64_t *record = disk.map.cell + map_cell_lba(disk.map.cell[1]);
    CHECK_EQ(map_cell_kind(record[MAP_RECORD_BASE]), MAP_DIRECT);
    CHECK_EQ(map_cell_lba(record[MAP_RECORD_BASE]), base + 32);
    CHECK_EQ(map_cell_lba(record[MAP_RECORD_OWN]), 5);
    CHECK_EQ(record[MAP_RECORD_BITMAP], 0xf0);
    CHECK_EQ(disk.map.record_cells, 2 + 64);
    char line[80];
    chain_describe(&disk.chain, 0, line, sizeof line);
    CHECK_STR(line, "differencing VHD, 64 KiB, 1 fragment");
}
