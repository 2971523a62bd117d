/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot = ...: the words, and what a boot record gets to see. */
#include "core/entry/start.h"
#include "unit/unit.h"

static struct start of(const char *value)
{
    return start_of(value, (uint32_t)strlen(value));
}

TEST(start_words)
{
    CHECK_EQ(of("next").kind, START_NEXT);
    CHECK_EQ(of("NEXT").kind, START_NEXT);
    CHECK_EQ(of("disk 1").kind, START_DISK);
    CHECK_EQ(of("disk 1").number, 1);
    CHECK(!of("disk 1").by_bios);
    CHECK_EQ(of("Disk\t81h").number, 0x81);
    CHECK(of("disk 81H").by_bios && of("disk 0x8f").by_bios);
    CHECK_EQ(of("partition 5").kind, START_PARTITION);
    CHECK_EQ(of("partition 128").number, 128);
    CHECK_EQ(of("\\bootmgr").kind, START_FILE);
    CHECK_STR(of("\\bootmgr").path, "\\bootmgr");
    CHECK_EQ(of("nextfile").kind, START_FILE);
    CHECK_EQ(of("disk1").kind, START_FILE);
    CHECK_EQ(of("\\disk 1").kind, START_FILE);
}

TEST(start_words_that_say_nothing)
{
    static const char *const bad[] = {"",           "next one",     "disk",         "disk 0",
                                      "disk 16",    "disk -1",      "disk 7fh",     "disk 90h",
                                      "disk 0x",    "disk h",       "disk 0x81h",   "disk 1 2",
                                      "disk 0081h", "disk a",       "partition",    "partition 0",
                                      "disk 99999", "partition 1h", "partition 129"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct start s = of(bad[i]);
        CHECK_EQ(s.kind, START_IMAGE);
        CHECK(!s.path && !s.number);
    }
}

TEST(start_disks_leave_our_own_out)
{
    struct start s = of("disk 1");
    CHECK_EQ(start_bios_number(&s, 0x80), 0x81);
    CHECK_EQ(start_bios_number(&s, 0x81), 0x80);
    s = of("disk 2");
    CHECK_EQ(start_bios_number(&s, 0x80), 0x82);
    CHECK_EQ(start_bios_number(&s, 0x81), 0x82);
    CHECK_EQ(start_bios_number(&s, 0x82), 0x81);
    s = of("disk 80h");
    CHECK_EQ(start_bios_number(&s, 0x80), 0x80);
}

static uint8_t record[512], before[512];

static void make(const char *oem, uint8_t fat_sectors)
{
    for (unsigned i = 0; i < sizeof record; i++)
        record[i] = (uint8_t)i;
    memcpy(record, "\xeb\x52\x90", 3);
    memcpy(record + 3, oem, 8);
    memcpy(record + 11, "\0\2\x08", 3);
    record[0x15] = 0xf8;
    record[0x16] = fat_sectors;
    record[0x17] = 0;
    memcpy(before, record, sizeof before);
}

/* Only these bytes may have changed. */
static void check_changed(unsigned at, unsigned size, unsigned drive_at)
{
    for (unsigned i = 0; i < sizeof record; i++) {
        if (i - at >= size && i != drive_at)
            CHECK_EQ(record[i], before[i]);
    }
    CHECK_EQ(record[drive_at], 0x81);
    CHECK(!memcmp(record + at, "\x78\x56\x34\x12", 4));
}

TEST(start_record_of_each_file_system)
{
    make("NTFS    ", 0);
    start_record_place(record, 0x12345678, 0x81);
    check_changed(0x1c, 4, 0x24);
    make("MSDOS5.0", 9);
    start_record_place(record, 0x12345678, 0x81);
    check_changed(0x1c, 4, 0x24);
    make("MSDOS5.0", 0);
    start_record_place(record, 0x12345678, 0x81);
    check_changed(0x1c, 4, 0x40);
    make("EXFAT   ", 0);
    start_record_place(record, 0x9a12345678, 0x81);
    check_changed(0x40, 8, 0x6f);
    CHECK_EQ(record[0x44], 0x9a);
}

TEST(start_record_of_no_file_system_stays)
{
    make("NTFS    ", 0);
    record[0] = before[0] = 0x33;
    start_record_place(record, 1, 0x81);
    CHECK(!memcmp(record, before, sizeof record));
    make("GRUBGRUB", 0);
    record[12] = before[12] = 3;
    start_record_place(record, 1, 0x81);
    CHECK(!memcmp(record, before, sizeof record));
    make("GRUBGRUB", 0);
    record[0x15] = before[0x15] = 0x80;
    start_record_place(record, 1, 0x81);
    CHECK(!memcmp(record, before, sizeof record));
}

TEST(start_table_entry_is_absolute)
{
    struct part part = {.number = 5, .type = 0x0c, .start_lba = 0x12345678, .sectors = 1ull << 40};
    struct mbr_entry e = start_table_entry(&part);
    CHECK_EQ(e.active, 0x80);
    CHECK_EQ(e.type, 0x0c);
    CHECK_EQ(le32_get(e.start_lba), 0x12345678);
    CHECK_EQ(le32_get(e.sectors), UINT32_MAX);
    part.number = 0; /* a bare volume */
    e = start_table_entry(&part);
    CHECK(!e.active && !le32_get(e.start_lba));
    e = start_table_entry(NULL);
    CHECK(!e.active && !e.type && !le32_get(e.sectors));
}

TEST(start_systems_that_want_80h)
{
    memset(record, 0, sizeof record);
    memcpy(record + 0x180, "BOOTMGR is missing", 18);
    CHECK(!start_wants_first_drive(record));
    memcpy(record + 0x1a0, "NTLDR is missing", 16);
    CHECK(start_wants_first_drive(record));
    memset(record, 0, sizeof record);
    memcpy(record + 501, "IO      SYS", 11);
    CHECK(start_wants_first_drive(record));
    record[511] = 'X';
    CHECK(!start_wants_first_drive(record));
}
