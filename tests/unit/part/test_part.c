/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Partition tables: MBR, logical partitions, GPT and its copy, bare volumes, and damage to each. */
#include "core/part/part.h"
#include "core/base/crc32.h"
#include "core/part/format.h"
#include "unit/fakes.h"

#define SECTORS 20000u

static uint8_t disk[SECTORS * 512];
static struct array_drive drive;
static struct part_table table;
static struct fail f;

static void put_le32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static void put_le64(uint8_t *p, uint64_t v)
{
    put_le32(p, (uint32_t)v);
    put_le32(p + 4, (uint32_t)(v >> 32));
}

static uint8_t *sector(uint32_t lba)
{
    return disk + (size_t)lba * 512;
}

static void table_sector(uint32_t lba)
{
    sector(lba)[510] = 0x55;
    sector(lba)[511] = 0xaa;
}

static void entry(uint32_t lba, unsigned index, uint8_t active, uint8_t type, uint32_t start,
                  uint32_t count)
{
    uint8_t *p = sector(lba) + 446 + 16 * index;
    p[0] = active;
    p[4] = type;
    put_le32(p + 8, start);
    put_le32(p + 12, count);
    table_sector(lba);
}

static void boot_record(uint32_t lba, const char *oem)
{
    memcpy(sector(lba) + 3, oem, 8);
    table_sector(lba);
}

static void fresh(void)
{
    memset(disk, 0, sizeof disk);
    array_drive_init(&drive, disk, SECTORS);
    memset(&f, 0, sizeof f);
}

static enum err read_table(void)
{
    return part_read(&table, &drive.blk, &f);
}

TEST(part_primaries)
{
    fresh();
    entry(0, 0, 0x00, 0x83, 64, 100);
    entry(0, 2, 0x80, 0x07, 2048, 5000);
    put_le32(disk + 440, 0xdeadbeef);
    CHECK_EQ(read_table(), ERR_OK);
    CHECK_EQ(table.scheme, PART_MBR);
    CHECK_EQ(table.disk_signature, 0xdeadbeef);
    CHECK_EQ(table.count, 2);
    CHECK_EQ(table.part[1].number, 3);
    CHECK(table.part[1].active && !table.part[0].active);
    CHECK(part_at(&table, 2048) == &table.part[1]);
    CHECK(part_at(&table, 2049) == NULL);
    CHECK_EQ(table.notes.count, 0);
}

TEST(part_no_table)
{
    fresh();
    CHECK_EQ(read_table(), ERR_PARTITION);
    table_sector(0);
    CHECK_EQ(read_table(), ERR_OK); /* an empty MBR */
    CHECK_EQ(table.count, 0);
    memset(disk + 440, 'm', 70); /* some volume's boot code */
    CHECK_EQ(read_table(), ERR_PARTITION);
    drive.bad = 0;
    CHECK_EQ(read_table(), ERR_READ);
    array_drive_init(&drive, disk, 0);
    CHECK_EQ(read_table(), ERR_READ);
}

TEST(part_bare_volume)
{
    fresh();
    boot_record(0, "NTFS    ");
    memset(disk + 84, 0x90, 426); /* boot code over what would be the table */
    CHECK_EQ(read_table(), ERR_OK);
    CHECK_EQ(table.scheme, PART_NONE);
    CHECK_EQ(table.count, 1);
    CHECK_EQ(table.part[0].number, 0);
    CHECK_EQ(table.part[0].sectors, SECTORS);
    const struct part *part;
    CHECK_EQ(part_pick(&table, &drive.blk, 0, &part, &f), ERR_OK);
    CHECK(part == &table.part[0]);
    CHECK_EQ(part_pick(&table, &drive.blk, 1, &part, &f), ERR_PARTITION);
}

TEST(part_logicals)
{
    fresh();
    entry(0, 0, 0, 0x07, 64, 100);
    entry(0, 1, 0, 0x0f, 1000, 10000);
    entry(1000, 0, 0x80, 0x07, 63, 500);
    entry(1000, 1, 0, 0x05, 2000, 1000); /* relative to the first EBR */
    entry(3000, 0, 0, 0x83, 63, 400);
    entry(3000, 1, 0, 0x05, 1500, 100); /* backwards is legal */
    entry(2500, 0, 0, 0x07, 1, 10);
    CHECK_EQ(read_table(), ERR_OK);
    CHECK_EQ(table.count, 4);
    CHECK_EQ(table.part[1].number, 5);
    CHECK_EQ(table.part[1].start_lba, 1063);
    CHECK(table.part[1].active);
    CHECK_EQ(table.part[2].number, 6);
    CHECK_EQ(table.part[2].start_lba, 3063);
    CHECK_EQ(table.part[3].number, 7);
    CHECK_EQ(table.part[3].start_lba, 2501);
}

TEST(part_logicals_in_a_loop)
{
    fresh();
    entry(0, 1, 0, 0x05, 1000, 10000);
    entry(1000, 0, 0, 0x07, 63, 500);
    entry(1000, 1, 0, 0x05, 2000, 1000);
    entry(3000, 0, 0, 0x07, 63, 400);
    entry(3000, 1, 0, 0x05, 2000, 1000); /* itself */
    CHECK_EQ(read_table(), ERR_OK);
    CHECK_EQ(table.count, 2);
    CHECK(has_note(&table.notes, "lead back to sector"));
}

TEST(part_logicals_that_break_off)
{
    fresh();
    entry(0, 0, 0, 0x07, 64, 100);
    entry(0, 1, 0, 0x05, 1000, 10000);
    CHECK_EQ(read_table(), ERR_OK); /* no signature at 1000 */
    CHECK_EQ(table.count, 1);
    CHECK(has_note(&table.notes, "should hold"));

    entry(1000, 1, 0, 0x05, 0xffffffff, 1);
    CHECK_EQ(read_table(), ERR_OK);
    CHECK_EQ(table.count, 1);
    CHECK(has_note(&table.notes, "cannot be read"));

    drive.bad = 1000;
    CHECK_EQ(read_table(), ERR_OK);
    CHECK_EQ(table.count, 1);
    CHECK(has_note(&table.notes, "cannot be read"));
}

TEST(part_more_logicals_than_fit)
{
    fresh();
    entry(0, 0, 0, 0x05, 10, 15000);
    for (uint32_t i = 0; i < 140; i++) {
        entry(10 + i * 10, 0, 0, 0x07, 1, 9);
        entry(10 + i * 10, 1, 0, 0x05, (i + 1) * 10, 10);
    }
    CHECK_EQ(read_table(), ERR_OK);
    CHECK_EQ(table.count, PART_MAX);
    CHECK_EQ(table.part[PART_MAX - 1].number, 4 + PART_MAX);
}

TEST(part_beyond_the_drive)
{
    fresh();
    entry(0, 0, 0, 0x07, 64, SECTORS);
    entry(0, 1, 0, 0x07, SECTORS, 1);
    entry(0, 2, 0, 0x07, 0xffffffff, 0xffffffff);
    CHECK_EQ(read_table(), ERR_OK);
    CHECK_EQ(table.count, 1);
    CHECK_EQ(table.part[0].sectors, SECTORS - 64);
    CHECK(has_note(&table.notes, "reaches beyond"));
    CHECK(has_note(&table.notes, "starts beyond"));
}

TEST(part_pick_prefers_the_active_ntfs)
{
    fresh();
    const struct part *part;
    entry(0, 0, 0x80, 0x0c, 64, 100); /* active, but FAT */
    entry(0, 1, 0, 0x07, 200, 100);
    entry(0, 2, 0, 0x07, 300, 100);
    boot_record(64, "MSDOS5.0");
    CHECK_EQ(read_table(), ERR_OK);
    CHECK_EQ(part_pick(&table, &drive.blk, 0, &part, &f), ERR_PARTITION);
    boot_record(300, "NTFS    ");
    CHECK_EQ(part_pick(&table, &drive.blk, 0, &part, &f), ERR_OK);
    CHECK_EQ(part->number, 3);
    boot_record(64, "NTFS    ");
    CHECK_EQ(part_pick(&table, &drive.blk, 0, &part, &f), ERR_OK);
    CHECK_EQ(part->number, 1);
    CHECK_EQ(part_pick(&table, &drive.blk, 2, &part, &f), ERR_OK);
    CHECK_EQ(part->start_lba, 200);
    CHECK_EQ(part_pick(&table, &drive.blk, 4, &part, &f), ERR_PARTITION);
    CHECK(says(&f, "the drive has no partition 4"));
}

TEST(part_pick_says_why_not)
{
    fresh();
    const struct part *part;
    entry(0, 0, 0x80, 0x07, 64, 100);
    boot_record(64, "-FVE-FS-");
    CHECK_EQ(read_table(), ERR_OK);
    CHECK_EQ(part_pick(&table, &drive.blk, 0, &part, &f), ERR_BITLOCKER);
    drive.bad = 64;
    CHECK_EQ(part_pick(&table, &drive.blk, 0, &part, &f), ERR_READ);
}

/* GPT with header at `lba`, its array of `count` entries of `size` bytes at `array`. */
static void gpt_header(uint32_t lba, uint32_t array, uint32_t count, uint32_t size)
{
    uint8_t *h = sector(lba);
    memset(h, 0, 512);
    memcpy(h, "EFI PART", 8);
    put_le32(h + 8, 0x00010000);
    put_le32(h + 12, 92);
    put_le64(h + 24, lba);
    put_le64(h + 32, lba == 1 ? SECTORS - 1 : 1);
    put_le64(h + 72, array);
    put_le32(h + 80, count);
    put_le32(h + 84, size);
    put_le32(h + 88, crc32_ieee(0, sector(array), (size_t)count * size));
    put_le32(h + 16, crc32_ieee(0, h, 92));
}

static void gpt_entry(uint32_t array, uint32_t index, uint32_t size, uint64_t first, uint64_t last)
{
    uint8_t *e = sector(array) + (size_t)index * size;
    e[0] = 1;
    put_le64(e + 32, first);
    put_le64(e + 40, last);
}

static void gpt(uint32_t count, uint32_t size)
{
    fresh();
    entry(0, 0, 0, 0xee, 1, SECTORS - 1);
    uint32_t arrays[] = {2, SECTORS - 300};
    for (unsigned i = 0; i < 2; i++) {
        gpt_entry(arrays[i], 0, size, 2048, 4095);
        gpt_entry(arrays[i], count - 1, size, 5000, 5000);
        gpt_header(i ? SECTORS - 1 : 1, arrays[i], count, size);
    }
}

static void check_gpt(unsigned last_number)
{
    CHECK_EQ(read_table(), ERR_OK);
    CHECK_EQ(table.scheme, PART_GPT);
    CHECK_EQ(table.count, 2);
    CHECK_EQ(table.part[0].number, 1);
    CHECK_EQ(table.part[0].start_lba, 2048);
    CHECK_EQ(table.part[0].sectors, 2048);
    CHECK_EQ(table.part[1].number, last_number);
    CHECK_EQ(table.part[1].sectors, 1);
}

TEST(part_crc32_of_known_bytes)
{
    CHECK_EQ(crc32_ieee(0, "123456789", 9), 0xcbf43926);
    CHECK_EQ(crc32_ieee(crc32_ieee(0, "1234", 4), "56789", 5), 0xcbf43926);
}

TEST(part_gpt)
{
    gpt(128, 128);
    check_gpt(128);
    CHECK_EQ(table.notes.count, 0);
    gpt(7, 1024);
    check_gpt(7);
    gpt(5, 128); /* ends inside a sector */
    check_gpt(5);
}

TEST(part_gpt_falls_back_to_its_copy)
{
    static const unsigned places[] = {512 + 0, 512 + 16, 512 + 60, 1024 + 130, 1024 + 32};
    for (unsigned i = 0; i < sizeof places / sizeof places[0]; i++) {
        gpt(128, 128);
        disk[places[i]] ^= 0x40;
        check_gpt(128);
        CHECK(has_note(&table.notes, "copy"));
        sector(SECTORS - 1)[20] ^= 1; /* both */
        CHECK_EQ(read_table(), ERR_CORRUPT);
    }
    gpt(128, 128);
    drive.bad = 1;
    check_gpt(128);
}

TEST(part_gpt_with_impossible_sizes)
{
    static const uint32_t counts[] = {0xffffffff, 128, 128, 8193};
    static const uint32_t sizes[] = {128, 0, 192, 128};
    for (unsigned i = 0; i < 4; i++) {
        gpt(128, 128);
        sector(SECTORS - 1)[0] = 0;
        put_le32(sector(1) + 80, counts[i]);
        put_le32(sector(1) + 84, sizes[i]);
        put_le32(sector(1) + 16, 0);
        put_le32(sector(1) + 16, crc32_ieee(0, sector(1), 92));
        enum err err = read_table();
        CHECK(err == ERR_CORRUPT || err == ERR_LIMIT);
    }
}

TEST(part_gpt_entries_that_cannot_be)
{
    gpt(128, 128);
    gpt_entry(2, 1, 128, 6000, 5000);
    gpt_entry(2, 2, 128, 0, UINT64_MAX);
    gpt_entry(2, 3, 128, 1, UINT64_MAX);
    gpt_entry(2, 4, 128, UINT64_MAX, UINT64_MAX);
    gpt_header(1, 2, 128, 128);
    check_gpt(128);
    CHECK(has_note(&table.notes, "ends before it starts"));
}

TEST(part_hybrid_with_a_lost_gpt)
{
    gpt(128, 128);
    sector(1)[0] = sector(SECTORS - 1)[0] = 0;
    entry(0, 1, 0x80, 0x07, 3000, 100);
    CHECK_EQ(read_table(), ERR_OK);
    CHECK_EQ(table.scheme, PART_MBR);
    CHECK_EQ(table.count, 1);
    CHECK_EQ(table.part[0].number, 2);
}

TEST(part_gpt_bios_boot)
{
    gpt(128, 128);
    memcpy(sector(2), GPT_TYPE_BIOS_BOOT, 16);
    gpt_header(1, 2, 128, 128);
    check_gpt(128);
    CHECK_EQ(table.part[0].bios_boot, true);
    CHECK_EQ(table.part[1].bios_boot, false);
}
