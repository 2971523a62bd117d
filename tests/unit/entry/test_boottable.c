/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The boot table: what is told of a disk, its bytes, and what is not believed of them. */
#define image volume_image /* the builder's struct has core's name for something else */
#include "unit/ntfs_image.h"
#undef image
#include "core/base/crc32.h"
#include "core/entry/boottable.h"
#include "core/entry/format.h"
#include "core/entry/open.h"
#include "core/ntfs/file.h"

#define ROOM 4096u

static uint8_t bytes[ROOM];
static struct boottable in, out;
static struct fail f;

/* A disk with two parents, the last on another volume. */
static uint32_t write_one(void)
{
    memset(bytes, 0xee, sizeof bytes);
    in = (struct boottable){
        .write = WRITE_DISCARD,
        .hide = true,
        .ram = true,
        .entry = "lab",
        .disk_sectors = 0x123456789a,
        .discard_max = (uint64_t)5 << 32,
        .volume = {0x1122334455667788, 2048, 0xdeadbeef, 0x81, 0},
        .map = {.cells = 0x7fe00000,
                .record_next = 0x9dde8,
                .contents = 0x70000000,
                .contents_bytes = 0x100000,
                .changes = 0x70100000,
                .changes_bytes = 0x200000,
                .cell_count = 100,
                .page_count = 60,
                .file_page = 50,
                .record_first = 70,
                .record_end = 100,
                .record_cells = 4,
                .growth = MAP_GROWS_IN_MEMORY,
                .page_shift = 7},
        .file_count = 3,
        .file = {{{0x1122334455667788, 2048, 0xdeadbeef, 0x81, 0}, "\\a.vhd", true},
                 {{0x1122334455667788, 2048, 0xdeadbeef, 0x81, 0}, "\\vhd\\b.vhd", false},
                 {{0x99, 63, 7, 0x80, 1}, "\\\xc3\xa4.vhd", true}},
    };
    uint32_t size = boottable_bytes(&in);
    CHECK_EQ(size, 0xa0 + 3 * 32 + 4 + 7 + 11 + 8);
    boottable_write(&in, bytes);
    CHECK_EQ(bytes[size], 0xee);
    return size;
}

static enum err parse(uint32_t size)
{
    memset(&out, 0x55, sizeof out);
    return boottable_parse(&out, (struct view){bytes, size}, &f);
}

/* Makes the sum right again after a change. */
static void seal(uint32_t size)
{
    im_put(bytes + 0x10, 4, 0);
    im_put(bytes + 0x10, 4, crc32_ieee(0, bytes, size));
}

static void check_volume(const struct boottable_volume *a, const struct boottable_volume *b)
{
    CHECK_EQ(a->serial, b->serial);
    CHECK_EQ(a->start_lba, b->start_lba);
    CHECK_EQ(a->mbr_signature, b->mbr_signature);
    CHECK_EQ(a->bios_drive, b->bios_drive);
    CHECK_EQ(a->map_drive, b->map_drive);
}

TEST(written_and_read)
{
    uint32_t size = write_one();
    CHECK_EQ(parse(ROOM), ERR_OK); /* what lies behind it is nothing of its */
    CHECK_EQ(parse(size), ERR_OK);
    CHECK_EQ(out.write, WRITE_DISCARD);
    CHECK(out.hide && out.ram && !out.force && !out.write_protected);
    CHECK_STR(out.entry, "lab");
    CHECK_EQ(out.disk_sectors, in.disk_sectors);
    CHECK_EQ(out.discard_max, in.discard_max);
    check_volume(&out.volume, &in.volume);
    CHECK_EQ(out.map.cells, in.map.cells);
    CHECK_EQ(out.map.record_next, in.map.record_next);
    CHECK_EQ(out.map.contents, in.map.contents);
    CHECK_EQ(out.map.contents_bytes, in.map.contents_bytes);
    CHECK_EQ(out.map.changes, in.map.changes);
    CHECK_EQ(out.map.changes_bytes, in.map.changes_bytes);
    CHECK_EQ(out.map.cell_count, 100);
    CHECK_EQ(out.map.page_count, 60);
    CHECK_EQ(out.map.file_page, 50);
    CHECK_EQ(out.map.record_first, 70);
    CHECK_EQ(out.map.record_end, 100);
    CHECK_EQ(out.map.record_cells, 4);
    CHECK_EQ(out.map.growth, MAP_GROWS_IN_MEMORY);
    CHECK_EQ(out.map.page_shift, 7);
    CHECK_EQ(out.file_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        check_volume(&out.file[i].volume, &in.file[i].volume);
        CHECK_STR(out.file[i].path, in.file[i].path);
        CHECK_EQ(out.file[i].named, in.file[i].named);
    }
}

/* An interface: these bytes stay where they are. */
TEST(bytes_of_the_head)
{
    static const uint8_t start[] = "$VHDBOOT\1\0\xa0\0\x1e\1\0\0";
    static const uint8_t rest[] = "\6\0\0\0\1\0\3\0\x20\0\0\0\xa0\0\0\0";
    write_one();
    CHECK(!memcmp(bytes, start, 16));
    CHECK(!memcmp(bytes + 0x14, rest, 16));
    CHECK(!memcmp(bytes + 0x38, "\x88\x77\x66\x55\x44\x33\x22\x11\0\x08", 10));
    CHECK_STR((const char *)bytes + 0x100, "lab");
    CHECK_STR((const char *)bytes + 0x104, "\\a.vhd");
}

TEST(anything_that_changed_is_seen)
{
    uint32_t size = write_one();
    for (uint32_t i = 0; i < size; i++) {
        bytes[i] ^= 0x10;
        CHECK(parse(size) != ERR_OK);
        bytes[i] ^= 0x10;
    }
    CHECK_EQ(parse(size), ERR_OK);
}

TEST(cut_off)
{
    uint32_t size = write_one();
    for (uint32_t i = 0; i < size; i++)
        CHECK_EQ(parse(i), i < 0xa0 ? ERR_NOT_FOUND : ERR_CORRUPT);
}

TEST(probed)
{
    uint32_t size = write_one(), told;
    CHECK_EQ(boottable_probe((struct view){bytes, 0xa0}, &told, &f), ERR_OK);
    CHECK_EQ(told, size);
    im_put(bytes + 8, 2, 2);
    CHECK_EQ(boottable_probe((struct view){bytes, 0xa0}, &told, &f), ERR_UNSUPPORTED);
    CHECK_EQ(f.value, 2);
    im_put(bytes + 8, 2, 1);
    im_put(bytes + 12, 4, BOOTTABLE_BYTES_MAX + 1);
    CHECK_EQ(boottable_probe((struct view){bytes, 0xa0}, &told, &f), ERR_CORRUPT);
    im_put(bytes + 12, 4, 0x9f);
    CHECK_EQ(boottable_probe((struct view){bytes, 0xa0}, &told, &f), ERR_CORRUPT);
}

/* Values that a right sum covers, and that nobody writes. */
TEST(values_that_cannot_be)
{
    static const struct {
        uint8_t at, size;
        uint32_t value;
    } bad[] = {
        {0x0a, 2, 0x9f},  {0x18, 1, 3},      {0x1a, 2, 0},          {0x1a, 2, CHAIN_MAX + 1},
        {0x1c, 2, 31},    {0x1c, 2, 0xffff}, {0x20, 4, 0xffffffff}, {0x24, 4, 0xffffffff},
        {0x24, 4, 0x11d}, {0x78, 1, 4},      {0x79, 1, 17},         {0xb8, 4, 0xfffffff0},
        {0xb8, 4, 0x103},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint32_t size = write_one();
        im_put(bytes + bad[i].at, bad[i].size, bad[i].value);
        seal(size);
        if (parse(size) != ERR_CORRUPT)
            unit_failed(__FILE__, __LINE__, "bad value %u is believed", i);
    }
    uint32_t size = write_one(); /* the last string has no end */
    bytes[size - 1] = 'x';
    seal(size);
    CHECK_EQ(parse(size), ERR_CORRUPT);
}

/* What a later vhdboot puts behind the known fields is passed over. */
TEST(larger_structures_of_a_later_one)
{
    uint32_t size = write_one();
    memmove(bytes + 0xb0, bytes + 0xa0, size - 0xa0);
    memset(bytes + 0xa0, 0xcc, 16);
    im_put(bytes + 0x0a, 2, 0xb0);
    im_put(bytes + 0x0c, 4, size + 16);
    im_put(bytes + 0x20, 4, 0xb0);
    im_put(bytes + 0x24, 4, 0x110);
    for (unsigned i = 0; i < 3; i++)
        bytes[0xb0 + i * 32 + 0x18] += 16;
    seal(size + 16);
    CHECK_EQ(parse(size + 16), ERR_OK);
    CHECK_STR(out.entry, "lab");
    CHECK_STR(out.file[2].path, in.file[2].path);
}

TEST(names_too_long_for_a_table)
{
    static char path[BOOTTABLE_BYTES_MAX];
    write_one();
    memset(path, 'a', sizeof path - 1);
    in.file[1].path = path;
    CHECK_EQ(boottable_bytes(&in), 0);
}

static enum err sector_0(struct blk *b, uint64_t lba, uint32_t count, void *buf, struct fail *why)
{
    (void)b;
    CHECK(!lba && count == 1);
    memset(buf, 0, 512);
    if (b->ctx)
        return fail(why, ERR_READ, "no", 0);
    im_put((uint8_t *)buf + 440, 4, 0xcafe);
    return ERR_OK;
}

TEST(a_disk_described)
{
    static struct boot_disk disk;
    static const uint8_t numbers[] = {0x80, 0x82};
    static struct chain_link leaf, parent;
    struct blk drives[2] = {{.read = sector_0, .sectors = 1}, {.read = sector_0, .sectors = 1}};
    struct ntfs own = {.drive = &drives[0], .start_lba = 2048, .serial = 5};
    struct ntfs other = {.drive = &drives[1], .start_lba = 0, .serial = 6};
    struct ntfs_file own_file = {.vol = &own}, other_file = {.vol = &other};
    leaf = (struct chain_link){.path = "LABEL:\\x\\leaf.vhd", .parent_used = 3, .drive_index = 1};
    leaf.file.ctx = &other_file;
    leaf.image.parent_count = 3;
    parent = (struct chain_link){.path = "\\base.vhd"};
    parent.file.ctx = &own_file;
    disk = (struct boot_disk){.chain = {.count = 2, .link = {&leaf, &parent}},
                              .map = {.sectors = 77, .cell_count = 3, .writable = true}};
    struct config_entry entry = {.name = "e", .force = true, .discard_max = 9};
    boottable_describe(&out, &disk, &entry, &own, numbers);
    CHECK_EQ(out.write, WRITE_PERSISTENT);
    CHECK(out.force && !out.write_protected && !out.ram && !out.hide);
    CHECK_EQ(out.disk_sectors, 77);
    CHECK_EQ(out.discard_max, 9);
    CHECK_EQ(out.volume.serial, 5);
    CHECK_EQ(out.volume.mbr_signature, 0xcafe);
    CHECK_EQ(out.volume.bios_drive, 0x80);
    CHECK_EQ(out.map.cell_count, 3);
    CHECK_EQ(out.file_count, 2);
    CHECK_STR(out.file[0].path, "\\x\\leaf.vhd");
    CHECK(out.file[0].named && out.file[1].named);
    CHECK_EQ(out.file[0].volume.serial, 6);
    CHECK_EQ(out.file[0].volume.bios_drive, 0x82);
    CHECK_EQ(out.file[0].volume.map_drive, 1);
    CHECK_EQ(out.file[0].volume.mbr_signature, 0); /* a bare volume has none */
    CHECK_STR(out.file[1].path, "\\base.vhd");
    leaf.parent_used = 2;
    drives[0].ctx = &drives;
    boottable_describe(&out, &disk, &entry, &own, numbers);
    CHECK(!out.file[1].named);
    CHECK_EQ(out.volume.mbr_signature, 0);
}
