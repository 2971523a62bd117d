/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which loader a file is taken for, and its contract. The files here are stand-ins: the marks that
 * the real ones are told by, and nothing else. */
#include "core/entry/loader.h"
#include "unit/unit.h"

#define KIB 1024u

static uint8_t data[LOADER_FILE_MAX + 1];
static struct loader loader;
static struct fail f;

static void put(unsigned at, const char *bytes, size_t size)
{
    memcpy(data + at, bytes, size);
}

static enum err judge(uint32_t size, const char *path)
{
    struct view file = {data, size};
    enum err err = loader_judge(&loader, file, path, &f);
    memset(data, 0, sizeof data);
    return err;
}

static bool says(const char *words)
{
    char line[400];
    errors_format(&f, line, sizeof line);
    return strstr(line, words) != NULL;
}

TEST(loader_ntldr_and_bootmgr)
{
    put(0, "\xe9\xd5\x01\xeb", 4);
    CHECK_EQ(judge(413744, "\\ntldr"), ERR_OK);
    CHECK_STR(loader.name, "NTLDR");
    CHECK_EQ(loader.address, 0x20000);
    CHECK_EQ(loader.bytes, 413744);
    CHECK_EQ(loader.cs, 0x2000);
    CHECK_EQ(loader.ip, 0);
    CHECK_EQ(loader.ss, 0);
    CHECK_EQ(loader.sp, 0x7c00);
    CHECK_EQ(loader.record, 0x7c00);
    CHECK(loader.first_drive && !loader.interrupts && !loader.recovery);

    put(0, "\xe9\xd5\x01\xeb", 4);
    put(5000, "BOOTMGR is compressed", 21);
    CHECK_EQ(judge(413744, "\\x"), ERR_OK);
    CHECK_STR(loader.name, "bootmgr");
    CHECK(!loader.first_drive);

    put(0, "\xe9\xd5\x01\xeb", 4);
    CHECK_EQ(judge(300000, "\\cmdcons\\CMLDR"), ERR_OK);
    CHECK(loader.recovery);

    put(0, "\xe9\xd5\x01\xeb", 4); /* too small for one, and of no such name */
    CHECK_EQ(judge(192 * KIB, "\\x"), ERR_UNSUPPORTED);
    put(0, "\xe9\xd5\x01\xeb", 4);
    put(510, "\x55\xaa", 2);
    CHECK_EQ(judge(413744, "\\x"), ERR_OK);
    CHECK_STR(loader.name, "a boot record");
}

TEST(loader_by_name_where_contents_are_silent)
{
    static const char *const names[][2] = {{"\\BOOTMGR", "bootmgr"},
                                           {"/i386/setupldr.bin", "NTLDR"},
                                           {"grldr", "GRUB4DOS' grldr"},
                                           {"\\Io.Sys", "IO.SYS"},
                                           {"\\freeldr.sys", "ReactOS' freeldr"},
                                           {"\\kernel.sys", "FreeDOS' kernel"}};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        CHECK_EQ(judge(40000, names[i][0]), ERR_OK);
        CHECK_STR(loader.name, names[i][1]);
    }
    CHECK_EQ(judge(40000, "\\bootmgr\\x"), ERR_UNSUPPORTED);
    CHECK(says("\\bootmgr\\x: this is neither a loader that is known nor a boot record"));
}

TEST(loader_freedos)
{
    put(0,
        "\xeb\x1b"
        "CONFIG",
        8);
    CHECK_EQ(judge(46256, "\\boot\\fd"), ERR_OK);
    CHECK_EQ(loader.address, 0x600);
    CHECK_EQ(loader.cs, 0x60);
    CHECK_EQ(loader.ip, 0);
    CHECK_EQ(loader.ss, 0x1fe0);
    CHECK_EQ(loader.ds, 0x1fe0);
    CHECK_EQ(loader.sp, 0x7ba0);
    CHECK_EQ(loader.record, 0x27a00);
    CHECK_EQ(loader_room_check(&loader, 639 * KIB, &f), ERR_OK);
    put(0,
        "\xeb\x1b"
        "CONFIG",
        8);
    CHECK_EQ(judge(200 * KIB, "\\boot\\fd"), ERR_OK); /* would reach its stack */
    CHECK_EQ(loader_room_check(&loader, 639 * KIB, &f), ERR_MEMORY);
}

TEST(loader_io_sys)
{
    put(0, "MZ", 2);
    put(0x200, "BJ", 2);
    CHECK_EQ(judge(222390, "\\io.sys"), ERR_OK);
    CHECK_EQ(loader.address, 0x700);
    CHECK_EQ(loader.cs, 0x70);
    CHECK_EQ(loader.ip, 0x200);
    CHECK_EQ(loader.bytes, 0x7000); /* below its stack */
    CHECK(loader.first_drive);
    put(3000, "MSDOS   SYS", 11);
    CHECK_EQ(judge(2000, "\\x"), ERR_UNSUPPORTED);
    put(1000, "MSDOS   SYS", 11);
    CHECK_EQ(judge(2000, "\\x"), ERR_OK);
    CHECK_EQ(loader.ip, 0);
    CHECK_EQ(loader.bytes, 2000);
}

TEST(loader_boot_record_grldr_core_img)
{
    put(510, "\x55\xaa", 2);
    CHECK_EQ(judge(512, "\\x.bin"), ERR_OK);
    CHECK_EQ(loader.address, 0x7c00);
    CHECK_EQ(loader.cs, 0);
    CHECK_EQ(loader.ip, 0x7c00);
    CHECK(loader.interrupts && !loader.partition_in_dh);
    put(510, "\x55\xaa", 2);
    put(700, "GRLDR", 5);
    CHECK_EQ(judge(300 * KIB, "\\x"), ERR_OK);
    CHECK(loader.partition_in_dh);
    CHECK_EQ(loader.bytes, 300 * KIB);
    put(512, "\xea\x1c\x82\0\0", 5);
    CHECK_EQ(judge(30 * KIB, "\\core.img"), ERR_OK);
    CHECK_EQ(loader.address, 0x8000);
    CHECK_EQ(loader.ip, 0x8200);
    put(510, "\x55\xaa", 2); /* boot.img, which would look for the rest on the disk */
    put(1024, "\xea\x1c\x82\0\0", 5);
    CHECK_EQ(judge(30 * KIB, "\\g2ldr"), ERR_OK);
    CHECK_EQ(loader.address, 0x7e00);
    CHECK_EQ(loader.ip, 0x8200);
}

TEST(loader_grldr_without_a_boot_records_mark)
{
    put(1011, "GRLDR", 5);
    put(12000, "GRUB4DOS", 8);
    CHECK_EQ(judge(300 * KIB, "\\x"), ERR_OK);
    CHECK(loader.partition_in_dh);
    put(12000, "GRUB4DOS", 8);
    CHECK_EQ(judge(300 * KIB, "\\x"), ERR_UNSUPPORTED);
}

static void portable(uint16_t machine, uint16_t subsystem, uint32_t base, uint32_t entry)
{
    put(0, "MZ", 2);
    memcpy(data + 0x3c, &(uint32_t){0x80}, 4);
    put(0x80, "PE\0", 4);
    memcpy(data + 0x84, &machine, 2);
    memcpy(data + 0x80 + 24 + 16, &entry, 4);
    memcpy(data + 0x80 + 24 + 28, &base, 4);
    memcpy(data + 0x80 + 24 + 68, &subsystem, 2);
}

TEST(loader_freeldr)
{
    put(100, "freeldr.ini", 11);
    CHECK_EQ(judge(200000, "\\x"), ERR_OK);
    CHECK_EQ(loader.address, 0xf800);
    CHECK_EQ(loader.cs, 0);
    CHECK_EQ(loader.ip, 0xf800);
    put(0, "\xe9\xfd\x01", 3);
    put(510, "\x55\xaa", 2);
    put(100000, "FreeLoader", 10);
    CHECK_EQ(judge(380000, "\\x"), ERR_OK);
    CHECK_STR(loader.name, "ReactOS' freeldr");
    put(0, "\xe9\xfd\x01", 3);
    put(510, "\x55\xaa", 2);
    CHECK_EQ(judge(380000, "\\FREELDR.SYS"), ERR_OK);
    CHECK_STR(loader.name, "ReactOS' freeldr");
    put(0, "\xe9\xfd\x01", 3);
    put(510, "\x55\xaa", 2);
    CHECK_EQ(judge(8192, "\\x"), ERR_OK);
    CHECK_STR(loader.name, "a boot record");
    portable(0x14c, 1, 0x10000, 0x12345);
    CHECK_EQ(judge(200000, "\\freeldr.sys"), ERR_OK);
    CHECK_EQ(loader.address, 0x10000);
    CHECK_EQ(loader.cs, 0x2000);
    CHECK_EQ(loader.ip, 0x2345);
    portable(0x14c, 1, 0x400000, 0x100);
    CHECK_EQ(judge(200000, "\\freeldr.sys"), ERR_UNSUPPORTED);
    portable(0x14c, 1, 0x10000, 200000);
    CHECK_EQ(judge(200000, "\\freeldr.sys"), ERR_UNSUPPORTED);
    portable(0x14c, 10, 0x10000, 0x100);
    CHECK_EQ(judge(200000, "\\bootia32.efi"), ERR_UNSUPPORTED);
    CHECK(says("for UEFI"));
    portable(0x8664, 1, 0x10000, 0x100);
    CHECK_EQ(judge(200000, "\\x"), ERR_UNSUPPORTED);
    put(0, "MZ", 2);
    put(0x3c, "\xff\xff\xff\xff", 4);
    CHECK_EQ(judge(2000, "\\command.com"), ERR_UNSUPPORTED);
    CHECK(says("a program of DOS"));
}

TEST(loader_linux)
{
    put(510, "\x55\xaa\xeb\x6eHdrS", 8);
    CHECK_EQ(judge(300000, "\\memdisk"), ERR_UNSUPPORTED);
    CHECK(says("\\memdisk: this is a kernel of Linux or one in its form"));
}

TEST(loader_refusals)
{
    CHECK_EQ(judge(511, "\\bootmgr"), ERR_UNSUPPORTED);
    CHECK(says("\\bootmgr: the file has 511 bytes"));
    CHECK_EQ(judge(LOADER_FILE_MAX + 1, "\\bootmgr"), ERR_UNSUPPORTED);
    CHECK(says("500 KiB"));
    put(0, "\r\nSYSLINUX 6.04", 15);
    CHECK_EQ(judge(60000, "\\ldlinux.sys"), ERR_UNSUPPORTED);
    CHECK(says("boot record"));
    CHECK_EQ(judge(LOADER_FILE_MAX, "\\bootmgr"), ERR_OK);
    CHECK_EQ(loader_room_check(&loader, 639 * KIB, &f), ERR_OK);
    CHECK_EQ(loader_room_check(&loader, 627 * KIB, &f), ERR_MEMORY);
    loader.address = 0x500;
    loader.bytes = 512;
    CHECK_EQ(loader_room_check(&loader, 639 * KIB, &f), ERR_MEMORY);
}
