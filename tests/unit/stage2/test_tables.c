/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the handler, and through it the guest, is told of the disk: byte for byte. */
#include "unit/unit.h"
#include "tables.c"
#include "core/base/blk.h"
#include "core/map/ram.h"

#define MAX_SECTORS ((uint64_t)1023 * 255 * 63)

static const struct geometry usual = {.cylinders = 1023, .heads = 255, .sectors = 63};
static const struct geometry small = {.cylinders = 20, .heads = 8, .sectors = 17};

static struct resident_header header;
static struct chain_link leaf;
static uint64_t cell[2];
static struct boot_disk disk;
static struct drive drives[2];
static struct drive *const drive[] = {&drives[0], &drives[1]};

/* A fixed VHD that is one run of the second drive, from sector 12345678h on. */
static void start(void)
{
    memset(&header, 0, sizeof(header));
    leaf = (struct chain_link){.image = {.format = IMAGE_VHD, .kind = IMAGE_FIXED}};
    cell[0] = map_cell(MAP_DIRECT, 1, 0, 0x12345678) | MAP_WRITABLE;
    disk = (struct boot_disk){
        .chain = {.count = 1, .link = {&leaf}},
        .map = {.sectors = 0x10000,
                .page_shift = 16,
                .page_count = 1,
                .cell_count = 1,
                .cell = cell,
                .writable = true},
    };
    drives[0] = (struct drive){.number = 0x80, .edd = true, .sectors_max = 127};
    drives[1] = (struct drive){
        .number = 0x82, .edd = true, .heads = 16, .sectors_per_track = 32, .sectors_max = 64};
}

static void check_bytes(const void *actual, const char *expected, size_t size)
{
    const uint8_t *byte = actual;
    for (size_t i = 0; i < size; i++)
        if (byte[i] != (uint8_t)expected[i])
            unit_failed(__FILE__, __LINE__, "byte %zu is %02x, expected %02x", i, byte[i],
                        (uint8_t)expected[i]);
}

static void check_fdpt(const struct geometry *g, const char *expected)
{
    struct fdpt t = fdpt_make(g);
    check_bytes(&t, expected, 16);
}

static void check_edd(const struct geometry *g, uint64_t sectors, const char *expected)
{
    struct edd_parameters e = edd_make(g, sectors);
    check_bytes(&e, expected, 30);
}

TEST(fixed_disk_parameter_table)
{
    check_fdpt(&usual, "\xff\x03\xff\0\0\xff\xff\0\x08\0\0\0\xfe\x03\x3f\0");
    check_fdpt(&small, "\x14\0\x08\0\0\xff\xff\0\0\0\0\0\x13\0\x11\0");
    check_fdpt(&(struct geometry){1, 9, 1}, "\x01\0\x09\0\0\xff\xff\0\x08\0\0\0\0\0\x01\0");
}

TEST(answer_to_48h)
{
    check_edd(&usual, MAX_SECTORS,
              "\x1e\0\x03\0\xff\x03\0\0\xff\0\0\0\x3f\0\0\0"
              "\x3f\xc5\xfa\0\0\0\0\0\0\x02\xff\xff\xff\xff");
    check_edd(&small, 20 * 8 * 17 + 5,
              "\x1e\0\x03\0\x14\0\0\0\x08\0\0\0\x11\0\0\0"
              "\xa5\x0a\0\0\0\0\0\0\0\x02\xff\xff\xff\xff");
}

/* 1024 cylinders are the last that CHS reaches. */
TEST(geometry_is_valid_as_far_as_it_goes)
{
    uint64_t sectors = MAX_SECTORS + 2 * 255 * 63;
    CHECK_EQ(le16_get(edd_make(&usual, sectors - 1).flags), 3);
    CHECK_EQ(le32_get(edd_make(&usual, sectors - 1).cylinders), 1024);
    CHECK_EQ(le16_get(edd_make(&usual, sectors).flags), 1);
    CHECK_EQ(le32_get(edd_make(&usual, sectors).cylinders), 1025);
}

TEST(more_sectors_than_32_bits)
{
    check_edd(&usual, 0x123456789a,
              "\x1e\0\x01\0\x55\x14\x04\0\xff\0\0\0\x3f\0\0\0"
              "\x9a\x78\x56\x34\x12\0\0\0\0\x02\xff\xff\xff\xff");
}

TEST(header_holds_what_the_map_says)
{
    start();
    struct map *m = &disk.map;
    m->sectors = 0x1122334455;
    m->page_shift = 13;
    m->page_count = 3;
    m->cell_count = 4;
    m->file_page = 2;
    m->growth = MAP_GROWS_DIFFERENCING;
    m->record_cells = 66;
    m->record_first = 5;
    m->record_end = 6;
    m->bat_sector = 8;
    m->bitmap_sectors = 9;
    tables_header(&header, &disk, drive, 2, &small, 0);
    CHECK_EQ(header.sectors, 0x1122334455);
    CHECK_EQ(header.page_shift, 13);
    CHECK_EQ(header.page_last, 8191);
    CHECK_EQ(header.page_count, 3);
    CHECK_EQ(header.cell_count, 4);
    CHECK_EQ(header.file_page, 2);
    CHECK_EQ(header.growth, MAP_GROWS_DIFFERENCING);
    CHECK_EQ(header.record_cells, 66);
    CHECK_EQ(header.bits_dwords, 128);
    CHECK_EQ(header.record_next, 5);
    CHECK_EQ(header.record_end, 6);
    CHECK_EQ(header.bat_sector, 8);
    CHECK_EQ(header.bitmap_sectors, 9);
}

TEST(header_holds_the_size_of_bits)
{
    static const uint32_t cells[] = {0, 2, 4, 65, 66, 1026}, dwords[] = {0, 0, 4, 126, 128, 128};
    for (unsigned i = 0; i < 6; i++) {
        start();
        disk.map.record_cells = cells[i];
        tables_header(&header, &disk, drive, 2, &small, 0);
        CHECK_EQ(header.bits_dwords, dwords[i]);
    }
}

/* Of a VHDX's blocks of 1 MiB two share a sector of them, if the image is a child: a dynamic one
 * has no bits. */
TEST(header_says_which_pages_share_bits)
{
    static const uint32_t cells[] = {2, 34, 66, 130}, shared[] = {0, 2048, 0, 0};
    for (unsigned i = 0; i < 8; i++) {
        start();
        disk.map.record_cells = cells[i / 2];
        disk.map.vhdx = i % 2;
        tables_header(&header, &disk, drive, 2, &small, 0);
        CHECK_EQ(header.bits_shared, disk.map.vhdx ? shared[i / 2] : 0);
    }
}

/* Never more than a call of the BIOS takes. */
TEST(header_holds_the_size_of_the_buffer)
{
    static const struct {
        uint32_t bytes, most, sectors;
    } cases[] = {{0, 127, 1}, {1024, 127, 3}, {0x8000, 127, 65}, {0x8000, 64, 64}, {0x8000, 1, 1}};
    for (unsigned i = 0; i < 5; i++) {
        start();
        drive[1]->sectors_max = (uint8_t)cases[i].most;
        tables_header(&header, &disk, drive, 2, &small, cases[i].bytes);
        CHECK_EQ(header.bounce_sectors, cases[i].sectors);
    }
}

TEST(header_holds_drives_and_geometry)
{
    start();
    tables_header(&header, &disk, drive, 2, &small, 0);
    CHECK_EQ(header.drive_count, 2);
    CHECK_EQ(header.drive[0], 0x80);
    CHECK_EQ(header.drive[1], 0x82);
    CHECK_EQ(header.drive_edd[1], 1);
    CHECK_EQ(header.drive_heads[1], 16);
    CHECK_EQ(header.drive_spt[1], 32);
    CHECK_EQ(header.drive[2], 0);
    CHECK_EQ(header.bios_sectors_max, 64); /* what the weakest takes */
    CHECK_EQ(header.drive_shift, 1);
    CHECK_EQ(header.cylinders, 20);
    CHECK_EQ(header.heads, 8);
    CHECK_EQ(header.sectors_per_track, 17);
    check_bytes((uint8_t *)&header + 0x98, "\x14\0\x08\0\0\xff\xff\0\0\0\0\0\x13\0\x11\0", 16);
    check_bytes((uint8_t *)&header + 0xa8,
                "\x1e\0\x03\0\xe1\x01\0\0\x08\0\0\0\x11\0\0\0"
                "\0\0\x01\0\0\0\0\0\0\x02\xff\xff\xff\xff\0\0",
                32);
}

TEST(header_holds_what_may_be_done)
{
    start();
    tables_header(&header, &disk, drive, 2, &small, 0);
    CHECK_EQ(header.write_protected, 0);
    CHECK_EQ(header.hidden_drives, 0);
    disk.hide_drives = true;
    disk.map.writable = false;
    tables_header(&header, &disk, drive, 2, &small, 0);
    CHECK_EQ(header.write_protected, 1);
    CHECK_EQ(header.hidden_drives, 1);
    disk.map.writable = true;
    disk.write_protected = true;
    tables_header(&header, &disk, drive, 2, &small, 0);
    CHECK_EQ(header.write_protected, 1);
}

TEST(hand_over_fills_in_the_rest)
{
    start();
    tables_header(&header, &disk, drive, 2, &small, 0);
    CHECK_EQ(le32_get(header.old_int13), 0);
    CHECK_EQ(header.old_int15, 0);
    CHECK_EQ(header.map_address, 0);
    CHECK_EQ(header.hidden[HIDDEN_MAP].end, 0);
    CHECK_EQ(header.bios_hd_count, 0);
}

TEST(slot_of_a_plain_disk)
{
    struct drive_slot slot = {0};
    start();
    tables_slot(&slot, &disk, drive, &usual);
    check_bytes(&slot,
                "\x80\x82\xfe\x3f\xff\x83\x0f\x20"
                "\x78\x56\x34\x12\0\0\0\0"
                "\0\0\x01\0\0\0\0\0",
                24);
}

/* A drive whose geometry nobody told, and one without packets. */
TEST(slot_of_a_drive_that_says_little)
{
    struct drive_slot slot = {0};
    start();
    drives[1].heads = drives[1].sectors_per_track = 0;
    tables_slot(&slot, &disk, drive, &usual);
    check_bytes(&slot, "\x80\x82\xfe\x3f\xff\x83\xfe\x3f", 8);
    drives[1].edd = false;
    tables_slot(&slot, &disk, drive, &usual);
    check_bytes(&slot, "\x80\x82\xfe\x3f\xff\x03\xfe\x3f", 8);
}

static void check_no_slot(void)
{
    static const char none[24];
    struct drive_slot slot = {0};
    tables_slot(&slot, &disk, drive, &usual);
    check_bytes(&slot, none, 24);
}

TEST(no_slot_for_other_disks)
{
    start();
    disk.chain.count = 2;
    check_no_slot();
    start();
    leaf.image.format = IMAGE_VHDX;
    check_no_slot();
    start();
    leaf.image.kind = IMAGE_DYNAMIC;
    check_no_slot();
    start();
    disk.map.growth = MAP_GROWS_IN_MEMORY;
    check_no_slot();
    start();
    disk.map.page_shift = 15;
    check_no_slot(); /* its second half is what follows the cells: elsewhere */
    start();
    disk.write_protected = true;
    check_no_slot();
    start();
    cell[0] &= ~(uint64_t)MAP_WRITABLE;
    check_no_slot();
}

static enum err read_zeros(struct blk *b, uint64_t lba, uint32_t count, void *buf, struct fail *f)
{
    (void)b, (void)lba, (void)f;
    memset(buf, 0, (size_t)count << SECTOR_SHIFT);
    return ERR_OK;
}

static bool tell_nobody(struct map_ram_progress *progress, uint64_t done, uint64_t total)
{
    (void)progress, (void)done, (void)total;
    return true;
}

/* A slot with the drive's sector 0 as its start: a driver would write over the drive's own boot
 * record and all that follows. */
TEST(no_slot_for_a_disk_that_was_read_into_memory)
{
    static uint8_t memory[64 << SECTOR_SHIFT];
    struct map_ram_progress progress = {tell_nobody};
    struct fail f;
    start();
    struct blk blk = {.read = read_zeros, .sectors = UINT64_MAX};
    struct blk *const drive_blk[] = {&blk, &blk};
    disk.map.sectors = 64;
    disk.map.file_page = 1;
    for (unsigned i = 0; i < 2; i++) {
        disk.map.growth = i ? MAP_GROWS_IN_MEMORY : MAP_GROWS_NOT;
        cell[0] = map_cell(MAP_DIRECT, 1, 0, 0x12345678) | MAP_WRITABLE;
        CHECK_EQ(map_ram_load(&disk.map, drive_blk, 0x2000000, memory, &progress, &f), ERR_OK);
        CHECK_EQ(map_cell_kind(cell[0]), MAP_RAM);
        cell[0] |= MAP_WRITABLE;
        check_no_slot();
    }
}

TEST(run_of_a_disk_in_one_piece)
{
    struct resident_run run = {0};
    start();
    tables_run(&run, &disk.map);
    CHECK_EQ(run.disk_lba, 0);
    CHECK_EQ(run.lba, 0x12345678);
    CHECK_EQ(run.left, 0x10000);
    CHECK_EQ(run.cell, MAP_DIRECT | MAP_WRITABLE | 1 << MAP_DRIVE_SHIFT);
    CHECK_EQ(run.record, 0);
    CHECK_EQ(run.write, RUN_BOTH);
}

TEST(no_run_of_a_disk_in_pieces_or_that_changes)
{
    struct resident_run run = {0};
    start();
    disk.map.page_shift = 15;
    cell[1] = map_cell(MAP_DIRECT, 1, 0, 0x12345678 + 0x8001) | MAP_WRITABLE;
    tables_run(&run, &disk.map);
    CHECK_EQ(run.left, 0);
    cell[1] = map_cell(MAP_DIRECT, 1, 0, 0x12345678 + 0x8000) | MAP_WRITABLE;
    disk.map.growth = MAP_GROWS_IN_MEMORY;
    tables_run(&run, &disk.map);
    CHECK_EQ(run.left, 0);
    disk.map.growth = MAP_GROWS_NOT;
    tables_run(&run, &disk.map);
    CHECK_EQ(run.left, 0x10000);
}
