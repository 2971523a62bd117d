/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Device elements: each form that was met, and each of them cut and bent. */
#include "unit/bcd_builder.h"
#include "core/bcd/device.h"
#include "unit/fakes.h"

static struct device_builder d;
static struct bcd_device device;
static struct fail f;

static void decode(void)
{
    struct fail none = {0};
    f = none;
    enum err err = bcd_device_decode(&device, (struct view){d.data, d.used}, &f);
    if (err)
        printf("# %s\n", f.sentence);
    CHECK_EQ(err, ERR_OK);
}

static void check_parent(const struct bcd_level *level, enum db_parent parent, const char *path)
{
    uint8_t id[16];
    switch (parent) {
    case DB_BOOT:
        CHECK_EQ(level->kind, BCD_BOOT);
        break;
    case DB_MBR:
        CHECK_EQ(level->kind, BCD_PARTITION);
        CHECK(level->mbr && !level->gpt && !level->is_virtual);
        CHECK_EQ(level->signature, DB_SIGNATURE);
        CHECK_EQ(level->offset, DB_OFFSET);
        break;
    case DB_GPT:
        CHECK_EQ(level->kind, BCD_PARTITION);
        CHECK(level->gpt && !level->mbr);
        memset(id, 0xd1, sizeof id);
        CHECK(!memcmp(level->disk_id, id, sizeof id));
        memset(id, 0xa1, sizeof id);
        CHECK(!memcmp(level->partition_id, id, sizeof id));
        break;
    case DB_LOCATE:
        CHECK_EQ(level->kind, BCD_LOCATE);
        CHECK_EQ(level->element, 0);
        CHECK(hive_string_is(level->path, path));
    }
}

TEST(device_boot)
{
    db_start(&d, 0);
    db_boot(&d);
    CHECK_EQ(d.used, 88);
    decode();
    CHECK_EQ(device.count, 1);
    CHECK_EQ(device.level[0].kind, BCD_BOOT);
    CHECK(!device.has_options && !bcd_device_image(&device));
}

TEST(device_partitions)
{
    db_start(&d, 0);
    db_mbr(&d, DB_SIGNATURE, DB_OFFSET);
    CHECK_EQ(d.used, 88);
    decode();
    CHECK_EQ(device.count, 1);
    check_parent(&device.level[0], DB_MBR, "");
    db_start(&d, 0);
    db_gpt(&d, 0xd1, 0xa1);
    CHECK_EQ(d.used, 88);
    decode();
    CHECK_EQ(device.count, 1);
    check_parent(&device.level[0], DB_GPT, "");
    CHECK(!bcd_device_image(&device));
}

TEST(device_locate)
{
    db_start(&d, 0);
    db_locate(&d, 0x12000002, "");
    CHECK_EQ(d.used, 0x2e);
    decode();
    CHECK_EQ(device.count, 1);
    CHECK_EQ(device.level[0].kind, BCD_LOCATE);
    CHECK_EQ(device.level[0].element, 0x12000002);
    CHECK_EQ(device.level[0].path.count, 0);
    db_start(&d, 0);
    db_locate(&d, 0, "\\x");
    decode();
    check_parent(&device.level[0], DB_LOCATE, "\\x");
}

/* Sizes as in the stores that were met. */
TEST(device_virtual_disks)
{
    static const char path[] = "\\VM\\Win7.vhd";
    const uint32_t n = sizeof path;
    static const uint32_t size[] = {0xbe, 0xbe, 0xbe, 0x92};
    for (enum db_parent parent = DB_BOOT; parent <= DB_LOCATE; parent++) {
        db_vhd(&d, parent, path);
        CHECK_EQ(d.used, size[parent] + 2 * n * (parent == DB_LOCATE ? 2 : 1));
        decode();
        CHECK_EQ(device.count, 4);
        CHECK_EQ(device.level[0].kind, BCD_LOCATE);
        CHECK_EQ(device.level[0].element, 0x22000002);
        CHECK_EQ(device.level[1].kind, BCD_VIRTUAL);
        CHECK_EQ(device.level[2].kind, BCD_FILE);
        CHECK(bcd_device_image(&device) == &device.level[2]);
        CHECK(hive_string_is(device.level[2].path, path));
        check_parent(&device.level[3], parent, path);
    }
}

TEST(device_partitions_inside_virtual_disks)
{
    static const char path[] = "\\a.vhdx";
    for (enum db_parent parent = DB_BOOT; parent <= DB_LOCATE; parent++) {
        db_start(&d, 0);
        db_qualified(&d, parent, path);
        if (parent == DB_MBR)
            CHECK_EQ(d.used, 0xb0 + 2 * sizeof path);
        decode();
        CHECK_EQ(device.count, 3);
        CHECK_EQ(device.level[0].kind, BCD_PARTITION);
        CHECK(device.level[0].is_virtual && device.level[0].mbr);
        CHECK_EQ(device.level[0].signature, 0xabcd);
        CHECK_EQ(device.level[0].offset, 0x10000);
        CHECK(bcd_device_image(&device) == &device.level[1]);
        CHECK(hive_string_is(device.level[1].path, path));
        check_parent(&device.level[2], parent, path);
    }
}

/* A RAM disk, out of a WIM on a partition, or inside a virtual disk; rubbish where its offset is.
 */
static void ram_disk(bool inside)
{
    db_start(&d, 0x77);
    uint32_t at = db_begin(&d, 0);
    db_32(&d, 3);
    db_64(&d, 0);
    db_64(&d, 0);
    db_32(&d, 0xdeadbeef);
    uint32_t file = db_begin_file(&d);
    if (inside)
        db_qualified(&d, DB_MBR, "\\a.vhd");
    else
        db_boot(&d);
    db_end_file(&d, file, "\\sources\\boot.wim");
    db_end(&d, at);
}

TEST(device_ram_disks)
{
    ram_disk(false);
    decode();
    CHECK(device.has_options);
    CHECK_EQ(device.count, 3);
    CHECK_EQ(device.level[0].kind, BCD_RAM_DISK);
    CHECK_EQ(device.level[1].kind, BCD_FILE);
    CHECK(hive_string_is(device.level[1].path, "\\sources\\boot.wim"));
    CHECK_EQ(device.level[2].kind, BCD_BOOT);
    CHECK(!bcd_device_image(&device));
    ram_disk(true);
    decode();
    CHECK_EQ(device.count, 5);
    CHECK_EQ(device.level[2].kind, BCD_PARTITION);
    CHECK(device.level[2].is_virtual);
    CHECK(hive_string_is(device.level[3].path, "\\a.vhd"));
    CHECK(!bcd_device_image(&device)); /* what starts is the WIM */
}

TEST(device_plain_file_and_disk)
{
    db_start(&d, 0);
    db_file(&d, DB_MBR, "\\f");
    decode();
    CHECK_EQ(device.count, 2);
    CHECK_EQ(device.level[0].kind, BCD_FILE);
    CHECK(!bcd_device_image(&device));
    db_start(&d, 0);
    uint32_t at = db_begin(&d, 0);
    db_32(&d, 0);
    db_32(&d, 1);
    db_32(&d, 0x55);
    db_bytes(&d, NULL, 28);
    db_end(&d, at);
    decode();
    CHECK_EQ(device.level[0].kind, BCD_DISK);
    CHECK_EQ(device.level[0].signature, 0x55);
    db_start(&d, 0);
    at = db_begin(&d, 4); /* a network */
    db_bytes(&d, NULL, 56);
    db_end(&d, at);
    decode();
    CHECK_EQ(device.level[0].kind, BCD_UNKNOWN);
}

TEST(device_long_path)
{
    char path[255] = "\\";
    memset(path + 1, 'x', 253);
    db_vhd(&d, DB_MBR, path);
    decode();
    CHECK_EQ(bcd_device_image(&device)->path.count, 254);
}

/* Cut anywhere, it is refused: not a byte in the forms is without use but the ends of partitions.
 */
TEST(device_cut_anywhere)
{
    for (enum db_parent parent = DB_BOOT; parent <= DB_LOCATE; parent++) {
        db_vhd(&d, parent, "\\VM\\Win7.vhd");
        for (uint32_t size = 0; size < d.used; size++) {
            uint8_t *exact = malloc(size + 1);
            memcpy(exact, d.data, size);
            enum err err = bcd_device_decode(&device, (struct view){exact, size}, &f);
            free(exact);
            CHECK_EQ(err, ERR_HIVE);
        }
    }
}

/* One dword after the other becomes a number that lies. */
TEST(device_with_numbers_that_lie)
{
    static const uint32_t lie[] = {0, 1, 15, 16, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0};
    static struct device_builder good;
    for (unsigned form = 0; form < 6; form++) {
        if (form < 4)
            db_vhd(&d, (enum db_parent)form, "\\a.vhd");
        else
            ram_disk(form == 5);
        good = d;
        for (uint32_t at = 16; at + 4 <= good.used; at += 2) {
            for (unsigned i = 0; i < sizeof lie / sizeof lie[0]; i++) {
                uint8_t *exact = malloc(good.used);
                memcpy(exact, good.data, good.used);
                hb_put32(exact + at, lie[i]);
                enum err err = bcd_device_decode(&device, (struct view){exact, good.used}, &f);
                CHECK(err == ERR_OK || err == ERR_HIVE);
                free(exact);
            }
        }
    }
}

TEST(device_too_deep)
{
    db_start(&d, 0);
    uint32_t at[20];
    for (unsigned i = 0; i < 20; i++) {
        at[i] = db_begin(&d, 0);
        db_32(&d, 6);
        db_bytes(&d, NULL, 20);
    }
    for (unsigned i = 20; i--;)
        db_end(&d, at[i]);
    CHECK_EQ(bcd_device_decode(&device, (struct view){d.data, d.used}, &f), ERR_HIVE);
    CHECK(says(&f, "too deep"));
}
