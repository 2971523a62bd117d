/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Boot sectors of NTFS: one as mkntfs writes it, and each field with what must not be believed. */
#include "unit/ntfs_image.h"
#include "core/ntfs/boot.h"

/* As mkntfs writes it for a partition at LBA 2048 with 4 KiB clusters. */
static const uint8_t typical[84] = {
    0xeb, 0x52, 0x90, 'N',  'T',  'F',  'S',  ' ',  ' ',  ' ',  ' ',  0x00, 0x02, 0x08, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0xf8, 0x00, 0x00, 0x3f, 0x00, 0xff, 0x00, 0x00, 0x08, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x80, 0x00, 0x80, 0x00, 0xff, 0x3f, 0x06, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0x31, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xf6, 0x00, 0x00, 0x00, 0xf4, 0x00, 0x00, 0x00, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0};

static uint8_t sector[512];
static struct ntfs_boot boot;
static struct fail f;

static enum err decode(void)
{
    return ntfs_boot_decode(sector, &boot, &f);
}

/* The typical sector with `value` in `size` bytes at `off`. */
static enum err with(unsigned off, unsigned size, uint64_t value)
{
    memset(sector, 0, sizeof sector);
    memcpy(sector, typical, sizeof typical);
    im_put(sector + off, size, value);
    return decode();
}

static enum err named(unsigned off, const char *name)
{
    memset(sector, 0, sizeof sector);
    memcpy(sector + off, name, strlen(name));
    return decode();
}

TEST(boot_typical)
{
    CHECK_EQ(with(0, 1, 0xeb), ERR_OK);
    CHECK_EQ(boot.sector_size, 512);
    CHECK_EQ(boot.cluster_shift, 3);
    CHECK_EQ(boot.sectors, 0x63fff);
    CHECK_EQ(boot.clusters, 0xc7ff);
    CHECK_EQ(boot.mft_lcn, 4);
    CHECK_EQ(boot.mirror_lcn, 0x31ff);
    CHECK_EQ(boot.record_size, 1024);
    CHECK_EQ(boot.index_size, 4096);
    CHECK_EQ(boot.serial, 0xf0debc9a78563412);
}

TEST(boot_others_are_named)
{
    CHECK_EQ(named(3, "-FVE-FS-"), ERR_BITLOCKER);
    CHECK_EQ(named(424, "\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01"),
             ERR_BITLOCKER);
    CHECK_EQ(named(3, "EXFAT   "), ERR_NOT_NTFS);
    CHECK(strstr(f.sentence, "exFAT"));
    CHECK_EQ(named(3, "ReFS"), ERR_NOT_NTFS);
    CHECK(strstr(f.sentence, "ReFS"));
    CHECK_EQ(named(82, "FAT32   "), ERR_NOT_NTFS);
    CHECK(strstr(f.sentence, "is FAT"));
    CHECK_EQ(named(54, "FAT16   "), ERR_NOT_NTFS);
    CHECK_EQ(named(3, "NTFS   "), ERR_NOT_NTFS);
    CHECK(strstr(f.sentence, "no NTFS boot record"));
}

TEST(boot_fat_fields_must_be_zero)
{
    static const uint8_t field[][2] = {{14, 2}, {16, 1}, {17, 2}, {19, 2}, {22, 2}, {32, 4}};
    for (unsigned i = 0; i < sizeof field / sizeof field[0]; i++)
        CHECK_EQ(with(field[i][0], field[i][1], 1), ERR_CORRUPT);
    CHECK_EQ(with(28, 4, 0xffffffff), ERR_OK); /* hidden sectors are advice */
}

TEST(boot_sector_sizes)
{
    CHECK_EQ(with(11, 2, 0), ERR_CORRUPT);
    CHECK_EQ(with(11, 2, 513), ERR_CORRUPT);
    CHECK_EQ(with(11, 2, 128), ERR_CORRUPT);
    CHECK_EQ(with(11, 2, 256), ERR_UNSUPPORTED);
    CHECK_EQ(with(11, 2, 8192), ERR_UNSUPPORTED);
    CHECK_EQ(with(11, 2, 4096), ERR_OK);
    CHECK_EQ(boot.cluster_shift, 6);
    CHECK_EQ(boot.sectors, (uint64_t)0x63fff * 8);
    CHECK_EQ(boot.clusters, 0xc7ff);
}

TEST(boot_cluster_encodings)
{
    CHECK_EQ(with(13, 1, 0), ERR_CORRUPT);
    CHECK_EQ(with(13, 1, 6), ERR_CORRUPT);
    CHECK_EQ(with(13, 1, 0x81), ERR_CORRUPT);
    CHECK_EQ(with(13, 1, 0xef), ERR_CORRUPT);
    CHECK_EQ(with(13, 1, 0xfe), ERR_CORRUPT);
    CHECK_EQ(with(13, 1, 0xf0), ERR_UNSUPPORTED);
    CHECK_EQ(with(13, 1, 0xf3), ERR_UNSUPPORTED);
    CHECK_EQ(with(13, 1, 0xf4), ERR_OK); /* 2^12 sectors: 2 MiB */
    CHECK_EQ(boot.cluster_shift, 12);
    CHECK_EQ(with(13, 1, 0x80), ERR_OK); /* 64 KiB */
    CHECK_EQ(boot.cluster_shift, 7);
    CHECK_EQ(with(13, 1, 0xfd), ERR_OK);
    CHECK_EQ(boot.cluster_shift, 3);
    CHECK_EQ(with(13, 1, 1), ERR_OK);
    CHECK_EQ(boot.cluster_shift, 0);
}

TEST(boot_volume_sizes)
{
    CHECK_EQ(with(40, 8, 0), ERR_CORRUPT);
    CHECK_EQ(with(40, 8, UINT64_MAX), ERR_CORRUPT);
    CHECK_EQ(with(40, 8, (uint64_t)1 << 54), ERR_CORRUPT);
    CHECK_EQ(with(40, 8, (uint64_t)1 << 40), ERR_OK); /* 512 TiB */
    CHECK_EQ(boot.clusters, (uint64_t)1 << 37);
}

TEST(boot_record_and_index_sizes)
{
    CHECK_EQ(with(64, 1, 1), ERR_OK); /* one cluster */
    CHECK_EQ(boot.record_size, 4096);
    CHECK_EQ(with(64, 1, 0xf7), ERR_OK);
    CHECK_EQ(boot.record_size, 512);
    CHECK_EQ(with(64, 1, 0), ERR_CORRUPT);
    CHECK_EQ(with(64, 1, 2), ERR_CORRUPT);
    CHECK_EQ(with(64, 1, 0xf8), ERR_CORRUPT);
    CHECK_EQ(with(64, 1, 0x80), ERR_CORRUPT);
    CHECK_EQ(with(68, 1, 16), ERR_OK);
    CHECK_EQ(boot.index_size, 65536);
    CHECK_EQ(with(68, 1, 3), ERR_CORRUPT);
    CHECK_EQ(with(68, 1, 32), ERR_CORRUPT);
    CHECK_EQ(with(68, 1, 0xf7), ERR_OK);
    CHECK_EQ(boot.index_size, 512);
}
