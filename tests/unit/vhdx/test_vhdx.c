/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VHDX reader but for the log: structures, block table, sector bitmaps, parent locator.
 *
 * Long because a VHDX has so many fields that must not be believed: a short test each.
 */
#include "unit/unit.h"
#include "unit/vhdx_builder.h"

static uint8_t memory[4 << 20];
static struct arena arena;
static struct image image;
static struct fail failure;
static char text[400];

static enum err vx_open(struct vx *x)
{
    arena_init(&arena, memory, sizeof memory);
    return vhdx_open(&image, &x->file, &arena, &failure);
}

#define OPENS(x)                                                                                   \
    do {                                                                                           \
        enum err opens_err = vx_open(x);                                                           \
        if (opens_err)                                                                             \
            errors_format(&failure, text, sizeof text);                                            \
        CHECK_STR(opens_err ? text : "", "");                                                      \
    } while (0)

/* Opening fails so, with this sentence (without the file's name); frees the image. */
#define REFUSED(x, error, sentence)                                                                \
    do {                                                                                           \
        CHECK_EQ(vx_open(x), error);                                                               \
        errors_format(&failure, text, sizeof text);                                                \
        CHECK_STR(text, "\\disk.vhdx: " sentence);                                                 \
        vx_free(x);                                                                                \
    } while (0)

#define RUN_FAILS(lba, error, sentence)                                                            \
    do {                                                                                           \
        struct image_run fails_run;                                                                \
        CHECK_EQ(image.run(&image, lba, &fails_run, &failure), error);                             \
        errors_format(&failure, text, sizeof text);                                                \
        CHECK_STR(text, "\\disk.vhdx: " sentence);                                                 \
    } while (0)

static struct image_run run_at(uint64_t lba)
{
    struct image_run run = {0};
    enum err err = image.run(&image, lba, &run, &failure);
    if (err)
        errors_format(&failure, text, sizeof text);
    CHECK_STR(err ? text : "", "");
    CHECK(run.count > 0 && run.count <= image.sectors - lba);
    return run;
}

#define RUN(lba, expected_state, expected_count, expected_sector)                                  \
    do {                                                                                           \
        struct image_run got = run_at(lba);                                                        \
        CHECK_EQ(got.state, expected_state);                                                       \
        CHECK_EQ(got.count, expected_count);                                                       \
        CHECK_EQ(got.file_sector, expected_sector);                                                \
    } while (0)

static bool noted(const char *sentence)
{
    for (unsigned i = 0; i < image.notes.count; i++) {
        notes_format(&image.notes, i, text, sizeof text);
        if (!strcmp(text, sentence))
            return true;
    }
    return false;
}

TEST(crc32c_check_value)
{
    CHECK_EQ(crc32c(0, "123456789", 9), 0xe3069283);
    CHECK_EQ(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
    CHECK_EQ(crc32c(0, "", 0), 0);
}

TEST(probe_looks_at_the_signature)
{
    bool is_vhdx;
    struct vx *x = vx_new(10 * MIB, MIB, 0);
    CHECK_EQ(vhdx_probe(&x->file, &is_vhdx, &failure), ERR_OK);
    CHECK(is_vhdx);
    *vx_at(x, 3) = 0;
    CHECK_EQ(vhdx_probe(&x->file, &is_vhdx, &failure), ERR_OK);
    CHECK(!is_vhdx);
    x->file.size = 7;
    CHECK_EQ(vhdx_probe(&x->file, &is_vhdx, &failure), ERR_OK);
    CHECK(!is_vhdx);
    vx_free(x);
}

TEST(dynamic_empty)
{
    struct vx *x = vx_new(100 * MIB, 2 * MIB, 0);
    OPENS(x);
    CHECK_EQ(image.format, IMAGE_VHDX);
    CHECK_EQ(image.kind, IMAGE_DYNAMIC);
    CHECK_EQ(image.sectors, 204800);
    CHECK_EQ(image.block_size, 2 * MIB);
    CHECK_EQ(image.allocated, 0);
    CHECK_EQ(image.parent_count, 0);
    CHECK_EQ(image.id[0], 0xd2);
    RUN(0, IMAGE_ABSENT, 204800, 0);
    RUN(204799, IMAGE_ABSENT, 1, 0);
    vx_free(x);
}

TEST(blocks_shuffled_and_joined)
{
    struct vx *x = vx_new(10 * MIB + 512 * 3, MIB, 0);
    uint64_t b5 = vx_block(x, 5, 6) / 512;
    uint64_t b2 = vx_block(x, 2, 6) / 512;
    uint64_t b3 = vx_block(x, 3, 6) / 512;
    uint64_t b10 = vx_block(x, 10, 6) / 512;
    OPENS(x);
    CHECK_EQ(image.allocated, 4 * MIB);
    RUN(0, IMAGE_ABSENT, 4096, 0);
    RUN(4096, IMAGE_DATA, 4096, b2);
    RUN(4097, IMAGE_DATA, 4095, b2 + 1);
    RUN(6144, IMAGE_DATA, 2048, b3);
    RUN(8192, IMAGE_ABSENT, 2048, 0);
    RUN(10240, IMAGE_DATA, 2048, b5);
    RUN(20480, IMAGE_DATA, 3, b10);
    vx_free(x);
}

TEST(last_block_cut_at_the_end_of_the_disk)
{
    struct vx *x = vx_new(5 * MIB + 512 * 3, 2 * MIB, 0);
    uint64_t b = vx_block(x, 2, 6) / 512;
    x->file.size -= MIB - 512 * 3;
    OPENS(x);
    RUN(8192, IMAGE_DATA, 2048 + 3, b);
    CHECK_EQ(image.allocated, 2 * MIB);
    x->file.size -= 1;
    REFUSED(x, ERR_IMAGE, "VHDX block 2 lies beyond the end of the file");
}

TEST(chunks_are_parted_by_bitmap_entries)
{
    struct vx *x = vx_new(9 * GIB, MIB, 0);
    uint64_t b4095 = vx_block(x, 4095, 6) / 512;
    vx_bat_set(x, 4096, (uint64_t)99 << 40 | 6); /* a bitmap entry: of no concern here */
    uint64_t b4096 = vx_block(x, 4096, 6) / 512;
    uint64_t b8192 = vx_block(x, 8192, 6) / 512;
    OPENS(x);
    CHECK_EQ(b4096, b4095 + 2048);
    RUN((uint64_t)4095 * 2048, IMAGE_DATA, 4096, b4095);
    RUN((uint64_t)8192 * 2048, IMAGE_DATA, 2048, b8192);
    vx_free(x);
}

TEST(largest_blocks)
{
    struct vx *x = vx_new(GIB, 256 << 20, VHDX_LEAVE_ALLOCATED);
    uint64_t b1 = vx_block(x, 1, 6) / 512;
    OPENS(x);
    CHECK_EQ(image.kind, IMAGE_FIXED);
    RUN(0, IMAGE_ABSENT, 524288, 0);
    RUN(524288 + 100000, IMAGE_DATA, 524288 - 100000, b1 + 100000);
    vx_free(x);
}

TEST(states_that_are_zeros)
{
    struct vx *x = vx_child(8 * MIB, MIB);
    vx_bat_set(x, 1, VHDX_UNDEFINED | 5 * MIB);
    vx_bat_set(x, 2, VHDX_ZERO);
    vx_bat_set(x, 3, VHDX_UNMAPPED | (uint64_t)77 << 50); /* offsets of theirs say nothing */
    vx_bat_set(x, 4, VHDX_UNMAPPED_DRAFT);
    OPENS(x);
    RUN(0, IMAGE_ABSENT, 2048, 0);
    RUN(2048, IMAGE_ZERO, 4 * 2048, 0);
    RUN(5 * 2048, IMAGE_ABSENT, 3 * 2048, 0);
    CHECK_EQ(image.allocated, 0);
    vx_free(x);
}

TEST(state_4_is_refused)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    vx_bat_set(x, 6, VX_BAT | 4);
    REFUSED(x, ERR_IMAGE, "VHDX block 6 is in an unknown state");
}

TEST(partial_without_parent_is_refused)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    vx_block(x, 2, 7);
    REFUSED(x, ERR_IMAGE, "VHDX block 2 is partially present, but there is no parent");
}

TEST(blocks_where_none_may_be)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    vx_bat_set(x, 1, x->file.size | 6);
    REFUSED(x, ERR_IMAGE, "VHDX block 1 lies beyond the end of the file");

    x = vx_new(8 * MIB, 2 * MIB, 0);
    vx_block(x, 1, 6);
    x->file.size -= 512;
    REFUSED(x, ERR_IMAGE, "VHDX block 1 lies beyond the end of the file");

    x = vx_new(8 * MIB, MIB, 0);
    vx_bat_set(x, 1, ~(uint64_t)7 | 6);
    REFUSED(x, ERR_IMAGE, "VHDX block 1 lies beyond the end of the file");

    for (uint64_t at = 0; at < 4; at++) {
        x = vx_new(8 * MIB, MIB, 0);
        x->file.size += MIB;
        vx_bat_set(x, 3, at * MIB | 6);
        REFUSED(x, ERR_IMAGE, "VHDX block 3 lies over the file's own tables");
    }
}

TEST(blocks_over_each_other)
{
    struct vx *x = vx_new(8 * MIB, 2 * MIB, 0);
    uint64_t off = vx_block(x, 0, 6);
    vx_block(x, 1, 6);
    vx_bat_set(x, 3, (off + MIB) | 6); /* the halves of two others */
    REFUSED(x, ERR_IMAGE, "VHDX block 3 lies over another block");

    x = vx_child(8 * MIB, 2 * MIB);
    off = vx_block(x, 0, 7);
    x->file.size += MIB;
    vx_bat_set(x, 2048, (off + MIB) | 6);
    REFUSED(x, ERR_IMAGE, "VHDX sector bitmap 0 lies over a block");
}

TEST(bat_too_short)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    vx_put64(vx_at(x, VX_META + VX_SIZE), 131072 * MIB);
    REFUSED(x, ERR_IMAGE, "the VHDX block table is too short for the disk's 131072 blocks");
}

TEST(last_entry_of_a_full_bat)
{
    enum { BLOCKS = 131041 }; /* with 31 bitmap entries among them just 1 MiB of entries */
    struct vx *x = vx_new(BLOCKS * MIB, MIB, 0);
    vx_region(x, 0, vx_bat_id, VX_BAT, MIB, 1);
    vx_seal(x);
    uint64_t last = vx_block(x, BLOCKS - 1, 6) / 512;
    uint64_t before = vx_block(x, BLOCKS - 9000, 6) / 512;
    CHECK_EQ(vx_bat_index(x, BLOCKS - 1), MIB / 8 - 1);
    OPENS(x);
    RUN((uint64_t)(BLOCKS - 1) * 2048, IMAGE_DATA, 2048, last);
    RUN((uint64_t)(BLOCKS - 9000) * 2048 + 5, IMAGE_DATA, 2043, before + 5);
    RUN((uint64_t)(BLOCKS - 1) * 2048 + 2047, IMAGE_DATA, 1, last + 2047);
    vx_free(x);
}

TEST(only_one_header)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    *vx_at(x, VHDX_HEADER_2 + 100) ^= 1;
    OPENS(x);
    CHECK_EQ(image.id[0], 0xd1);
    CHECK(noted("VHDX header 2 is damaged; the other one is in use"));
    CHECK(image.damaged);
    CHECK_EQ(image.damage.value, 2);
    vx_free(x);

    x = vx_new(8 * MIB, MIB, 0);
    memcpy(vx_at(x, VHDX_HEADER_1), "dead", 4);
    vx_seal(x);
    OPENS(x);
    CHECK_EQ(image.id[0], 0xd2);
    CHECK(noted("VHDX header 1 is damaged; the other one is in use"));
    vx_free(x);
}

TEST(higher_sequence_wins)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    vx_header(x, 1, (uint64_t)1 << 40);
    vx_seal(x);
    OPENS(x);
    CHECK_EQ(image.id[0], 0xd1);
    CHECK_EQ(image.notes.count, 0);
    CHECK(!image.read_only);
    vx_free(x);
}

TEST(no_header)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    vx_put16(vx_at(x, VHDX_HEADER_2) + 0x42, 2);
    vx_put16(vx_at(x, VHDX_HEADER_1) + 0x42, 0);
    vx_seal(x);
    REFUSED(x, ERR_IMAGE, "both VHDX headers are damaged, or of a later version");
    x = vx_new(8 * MIB, MIB, 0);
    x->file.size = MIB - 1;
    REFUSED(x, ERR_IMAGE, "the file has only 1048575 bytes, not even a VHDX's headers");
}

TEST(header_twins)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    memcpy(vx_at(x, VHDX_HEADER_1), vx_at(x, VHDX_HEADER_2), VHDX_HEADER_SIZE);
    OPENS(x);
    vx_header(x, 1, 8);
    vx_seal(x);
    REFUSED(x, ERR_IMAGE, "the two VHDX headers differ, but both have sequence number 8");
}

TEST(region_table_copies)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    *vx_at(x, VHDX_REGIONS_2) ^= 1;
    OPENS(x);
    *vx_at(x, VHDX_REGIONS_2) ^= 1;
    *vx_at(x, VHDX_REGIONS_1 + 0xffff) ^= 1;
    OPENS(x);
    CHECK(noted("VHDX region table 1 is damaged; the other one is in use"));
    vx_put32(vx_at(x, VHDX_REGIONS_2 + 8), 2048);
    vx_seal(x);
    *vx_at(x, VHDX_REGIONS_1 + 0xffff) ^= 1;
    REFUSED(x, ERR_IMAGE, "both VHDX region tables are damaged");
}

TEST(unknown_regions)
{
    static const uint8_t id[16] = {1, 2, 3};
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    vx_region(x, 2, id, 0x123456789, 12, 0);
    vx_seal(x);
    OPENS(x);
    vx_region(x, 2, id, 0x500000, 12, 1);
    vx_seal(x);
    REFUSED(x, ERR_UNSUPPORTED,
            "the VHDX region at 0x500000 is of an unknown kind and marked as required");
}

TEST(regions_that_cannot_be)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    vx_region(x, 0, vx_metadata_id, VX_META, MIB, 1);
    vx_seal(x);
    REFUSED(x, ERR_IMAGE, "the VHDX region at 0x200000 is listed twice");

    x = vx_new(8 * MIB, MIB, 0);
    vx_put32(vx_at(x, VHDX_REGIONS_1 + 8), 1);
    vx_seal(x);
    REFUSED(x, ERR_IMAGE, "the VHDX has no metadata region");

    x = vx_new(8 * MIB, MIB, 0);
    vx_put32(vx_at(x, VHDX_REGIONS_1 + 8), 0);
    vx_seal(x);
    REFUSED(x, ERR_IMAGE, "the VHDX has no block table (BAT) region");

    x = vx_new(8 * MIB, MIB, 0);
    vx_region(x, 0, vx_bat_id, VX_BAT + 512, MIB, 1);
    vx_seal(x);
    REFUSED(x, ERR_IMAGE, "the VHDX region at 0x300200 is not aligned to 1 MiB");

    x = vx_new(8 * MIB, MIB, 0);
    vx_region(x, 0, vx_bat_id, VX_BAT, 0, 1);
    vx_seal(x);
    REFUSED(x, ERR_IMAGE, "the VHDX region at 0x300000 is not aligned to 1 MiB");

    x = vx_new(8 * MIB, MIB, 0);
    vx_region(x, 0, vx_bat_id, 0xfffffffffff00000, MIB, 1);
    vx_seal(x);
    REFUSED(x, ERR_IMAGE, "the VHDX region at 0xfffffffffff00000 lies beyond the end of the file");

    x = vx_new(8 * MIB, MIB, 0);
    x->file.size += 2 * MIB;
    vx_region(x, 0, vx_bat_id, VX_LOG, MIB, 1);
    vx_seal(x);
    REFUSED(x, ERR_IMAGE, "the VHDX region at 0x100000 overlaps another one");

    x = vx_new(8 * MIB, MIB, 0);
    vx_region(x, 0, vx_bat_id, 0, MIB, 1);
    vx_seal(x);
    REFUSED(x, ERR_IMAGE, "the VHDX region at 0x0 overlaps another one");
}

TEST(metadata_in_any_order)
{
    static const uint8_t id[16] = {9};
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    vx_item(x, 2, vx_parameters_id, VX_PARAMETERS, 8, 4);
    vx_item(x, 0, vx_logical_id, VX_LOGICAL, 4, 6);
    vx_item(x, 3, id, 12345678, 1, 1);
    OPENS(x);
    CHECK_EQ(image.sectors, 16384);
    vx_item(x, 3, vx_size_id, 0x15000, 1, 1); /* a user's item, whatever its id */
    OPENS(x);
    CHECK_EQ(image.sectors, 16384);
    vx_item(x, 3, id, 0x14000, 1, 4);
    REFUSED(x, ERR_UNSUPPORTED,
            "the VHDX metadata item at 0x14000 is of an unknown kind and marked as required");
}

TEST(metadata_items_that_miss)
{
    static const uint8_t id[16] = {9};
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    vx_item(x, 0, id, 0, 0, 0);
    REFUSED(x, ERR_IMAGE, "the VHDX does not say its block size");
    x = vx_new(8 * MIB, MIB, 0);
    vx_item(x, 1, id, 0, 0, 0);
    REFUSED(x, ERR_IMAGE, "the VHDX does not say the size of its disk");
    x = vx_new(8 * MIB, MIB, 0);
    vx_item(x, 2, id, 0, 0, 0);
    REFUSED(x, ERR_IMAGE, "the VHDX does not say its sector size");
    x = vx_new(8 * MIB, MIB, VHDX_HAS_PARENT);
    REFUSED(x, ERR_IMAGE, "the VHDX has a parent, but does not say which");
}

TEST(metadata_that_cannot_be)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    *vx_at(x, VX_META) ^= 1;
    REFUSED(x, ERR_IMAGE, "the VHDX metadata table at 0x200000 is damaged");
    x = vx_new(8 * MIB, MIB, 0);
    vx_put16(vx_at(x, VX_META + 10), 2048);
    REFUSED(x, ERR_IMAGE, "the VHDX metadata table at 0x200000 is damaged");
    x = vx_new(8 * MIB, MIB, 0);
    vx_item(x, 1, vx_size_id, 0xffff, 8, 6);
    REFUSED(x, ERR_IMAGE, "the VHDX metadata item at 0xffff lies outside its region");
    x = vx_new(8 * MIB, MIB, 0);
    vx_item(x, 1, vx_size_id, 0xffff9, 8, 6);
    REFUSED(x, ERR_IMAGE, "the VHDX metadata item at 0xffff9 lies outside its region");
    x = vx_new(8 * MIB, MIB, 0);
    vx_item(x, 1, vx_size_id, VX_SIZE, 7, 6);
    REFUSED(x, ERR_IMAGE, "the VHDX metadata item at 0x11000 is too short");
    x = vx_new(8 * MIB, MIB, 0);
    vx_item(x, 3, vx_size_id, VX_SIZE, 8, 6);
    REFUSED(x, ERR_IMAGE, "the VHDX metadata item at 0x11000 is listed twice");
}

TEST(sizes_that_cannot_be)
{
    static const uint32_t blocks[] = {0, 512 << 10, 3 << 20, 512 << 20};
    for (unsigned i = 0; i < 4; i++) {
        struct vx *x = vx_new(8 * MIB, MIB, 0);
        vx_put32(vx_at(x, VX_META + VX_PARAMETERS), blocks[i]);
        CHECK_EQ(vx_open(x), ERR_IMAGE);
        vx_free(x);
    }
    static const uint64_t disks[] = {0, 1000, 64 * TIB + 512, ~(uint64_t)511};
    for (unsigned i = 0; i < 4; i++) {
        struct vx *x = vx_new(8 * MIB, MIB, 0);
        vx_put64(vx_at(x, VX_META + VX_SIZE), disks[i]);
        CHECK_EQ(vx_open(x), ERR_IMAGE);
        vx_free(x);
    }
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    vx_put32(vx_at(x, VX_META + VX_LOGICAL), 1024);
    REFUSED(x, ERR_IMAGE, "the VHDX sector size of 1024 bytes is impossible");
}

TEST(sectors_of_4096_bytes_are_described_only)
{
    struct vx *x = vx_new(40 * GIB, 32 << 20, 0);
    vx_put32(vx_at(x, VX_META + VX_LOGICAL), 4096);
    x->ratio *= 8;
    vx_block(x, 1024, 6); /* the second chunk's first block */
    OPENS(x);
    CHECK_EQ(image.allocated, 32 * MIB);
    CHECK_EQ(image.sectors, 40 * GIB / 512);
    CHECK(noted("the disk has sectors of 4096 bytes: a BIOS can only boot disks with 512"));
    RUN_FAILS(0, ERR_UNSUPPORTED,
              "the disk has sectors of 4096 bytes: a BIOS can only boot disks with 512");
    vx_free(x);
}

TEST(bitmap_is_read_lsb_first)
{
    struct vx *x = vx_child(8 * MIB, MIB);
    uint64_t b0 = vx_block(x, 0, 6) / 512;
    uint64_t b1 = vx_block(x, 1, 7) / 512;
    uint64_t bits = vx_bitmap(x, 0);
    memset(vx_at(x, bits), 0, 256); /* of a full block: of no concern */
    uint8_t *p = vx_at(x, bits + 256);
    p[0] = 0x06;
    p[2] = 0x80;
    memset(p + 3, 0xff, 3);
    p[6] = 0x01;
    p[255] = 0x80;
    memset(p + 256, 0xff, 256); /* of an absent block */
    OPENS(x);
    CHECK_EQ(image.allocated, 2 * MIB);
    RUN(0, IMAGE_DATA, 2048, b0);
    RUN(2048, IMAGE_ABSENT, 1, 0);
    RUN(2049, IMAGE_DATA, 2, b1 + 1);
    RUN(2051, IMAGE_ABSENT, 20, 0);
    RUN(2071, IMAGE_DATA, 26, b1 + 23);
    RUN(2080, IMAGE_DATA, 17, b1 + 32);
    RUN(2097, IMAGE_ABSENT, 2047 - 49, 0);
    RUN(4095, IMAGE_DATA, 1, b1 + 2047);
    RUN(4096, IMAGE_ABSENT, 12288, 0);
    vx_free(x);
}

TEST(bitmap_of_another_chunk)
{
    struct vx *x = vx_child(9 * GIB, 2 * MIB);
    vx_block(x, 1, 7);
    uint64_t b = vx_block(x, 2048 + 700, 7) / 512;
    uint64_t first = vx_bitmap(x, 0);
    uint64_t second = vx_bitmap(x, 1);
    memset(vx_at(x, first), 0xff, MIB);
    *vx_at(x, second + 700 * 512 + 3) = 0x10;
    OPENS(x);
    uint64_t lba = (uint64_t)(2048 + 700) * 4096;
    RUN(4096, IMAGE_DATA, 4096, (VX_BAT + MIB) / 512);
    RUN(lba, IMAGE_ABSENT, 28, 0);
    RUN(lba + 28, IMAGE_DATA, 1, b + 28);
    RUN(4096 + 5, IMAGE_DATA, 4091, (VX_BAT + MIB) / 512 + 5);
    vx_free(x);
}

TEST(bitmap_window_ends_a_run)
{
    struct vx *x = vx_child(GIB, 256 << 20);
    uint64_t b = vx_block(x, 1, 7) / 512;
    uint64_t bits = vx_bitmap(x, 0);
    memset(vx_at(x, bits + 65536), 0xff, 65536);
    OPENS(x);
    uint64_t lba = 524288;
    while (lba < 2 * 524288) {
        struct image_run run = run_at(lba);
        CHECK_EQ(run.state, IMAGE_DATA);
        CHECK_EQ(run.file_sector, b + (lba - 524288));
        CHECK(run.count >= 65536);
        lba += run.count;
    }
    CHECK_EQ(lba, 2 * 524288);
    vx_free(x);
}

TEST(bitmap_missing_or_misplaced)
{
    struct vx *x = vx_child(8 * MIB, MIB);
    vx_block(x, 4, 7);
    REFUSED(x, ERR_IMAGE, "VHDX block 4 is partially present, but has no sector bitmap");
    x = vx_child(8 * MIB, MIB);
    vx_bat_set(x, 4096, (uint64_t)1 << 50 | 6);
    REFUSED(x, ERR_IMAGE, "VHDX sector bitmap 0 lies beyond the end of the file");
    x = vx_child(8 * MIB, MIB);
    vx_bat_set(x, 4096, VX_LOG | 6);
    REFUSED(x, ERR_IMAGE, "VHDX sector bitmap 0 lies over the file's own tables");
}

TEST(locator_candidates)
{
    static const char *const pairs[] = {
        "absolute_win32_path",
        "\\\\?\\C:\\old\\base.vhdx",
        "parent_linkage",
        VX_LINKAGE,
        "volume_path",
        "\\\\?\\Volume{26A21BDA-A627-11D7-9931-806E6F6E6963}\\vhd\\base.vhdx",
        "relative_path",
        "..\\vhd\\base.vhdx",
        "my_key",
        "my value",
        NULL};
    struct vx *x = vx_child(8 * MIB, MIB);
    vx_locator(x, pairs);
    OPENS(x);
    CHECK_EQ(image.kind, IMAGE_DIFFERENCING);
    CHECK(!memcmp(image.parent_id[0], "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17", 16));
    CHECK_EQ(image.parent_count, 4);
    CHECK_STR(image.parent[0].source, "relative_path");
    CHECK(image.parent[0].relative);
    CHECK_STR(image.parent[0].path, "..\\vhd\\base.vhdx");
    CHECK_STR(image.parent[1].source, "volume_path");
    CHECK(!image.parent[1].relative);
    CHECK_STR(image.parent[1].path, "\\vhd\\base.vhdx");
    CHECK_STR(image.parent[2].source, "absolute_win32_path");
    CHECK(!image.parent[2].relative);
    CHECK_STR(image.parent[2].path, "\\old\\base.vhdx");
    CHECK(image.parent[3].relative);
    CHECK_STR(image.parent[3].path, "base.vhdx");
    vx_free(x);
}

TEST(locator_on_other_machines)
{
    static const char *const paths[] = {
        "\\\\server\\share\\base.vhdx", "\\\\?\\UNC\\server\\share\\base.vhdx",
        "\\\\.\\PhysicalDrive0\\base.vhdx", "OTHER:\\base.vhdx", "\\\\?\\X\\base.vhdx"};
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) {
        const char *const pairs[] = {
            "parent_linkage",        VX_LINKAGE, "absolute_win32_path", paths[i], "relative_path",
            "..\\elsewhere\\b.vhdx", NULL};
        struct vx *x = vx_child(8 * MIB, MIB);
        vx_locator(x, pairs);
        OPENS(x);
        CHECK_EQ(image.parent_count, 3);
        CHECK_STR(image.parent[0].source, "relative_path");
        CHECK_STR(image.parent[1].path, "b.vhdx");
        CHECK_STR(image.parent[2].path, "base.vhdx");
        CHECK(image.parent[2].relative);
        vx_free(x);
    }
}

TEST(locator_two_ids)
{
    static const char *const pairs[] = {"parent_linkage", VX_LINKAGE, "parent_linkage2",
                                        "{00000005-0000-0000-0000-000000000000}", NULL};
    struct vx *x = vx_child(8 * MIB, MIB);
    OPENS(x);
    CHECK_EQ(image.parent_ids, 1);
    vx_locator(x, pairs);
    OPENS(x);
    CHECK_EQ(image.parent_ids, 2);
    CHECK_EQ(image.parent_id[0][15], 15);
    CHECK_EQ(image.parent_id[1][0], 5);
    vx_free(x);
}

TEST(locator_without_paths)
{
    static const char *const pairs[] = {"parent_linkage", VX_LINKAGE, "relative_path", "", NULL};
    struct vx *x = vx_child(8 * MIB, MIB);
    vx_locator(x, pairs);
    OPENS(x);
    CHECK_EQ(image.parent_count, 0);
    vx_free(x);
}

TEST(locator_closing_nul_and_case)
{
    static const char *const pairs[] = {"parent_linkage", "{abcdef00-0000-0000-0000-00000000abCD}",
                                        "relative_path", "base.vhdx??", NULL};
    struct vx *x = vx_child(8 * MIB, MIB);
    vx_locator(x, pairs);
    uint8_t *item = vx_at(x, VX_META + VX_LOCATOR);
    for (unsigned i = 0; i < 4096; i++)
        item[i] = item[i] == '?' ? 0 : item[i];
    OPENS(x);
    CHECK_EQ(image.parent_id[0][0], 0x00);
    CHECK_EQ(image.parent_id[0][3], 0xab);
    CHECK_EQ(image.parent_id[0][15], 0xcd);
    CHECK_STR(image.parent[0].path, "base.vhdx");
    vx_free(x);
}

TEST(locator_that_cannot_be)
{
    static const char *const none[] = {"relative_path", "base.vhdx", NULL};
    static const char *const wrong[] = {"parent_linkage", "{03020100-0504-0706-0809-0A0B0C0D0EXX}",
                                        NULL};
    struct vx *x = vx_child(8 * MIB, MIB);
    vx_locator(x, none);
    REFUSED(x, ERR_IMAGE, "the VHDX parent locator at 0x213000 has no parent_linkage");
    x = vx_child(8 * MIB, MIB);
    vx_locator(x, wrong);
    REFUSED(x, ERR_IMAGE, "the parent_linkage in the VHDX parent locator at 0x213000 is no GUID");
    x = vx_child(8 * MIB, MIB);
    *vx_at(x, VX_META + VX_LOCATOR) ^= 1;
    REFUSED(x, ERR_UNSUPPORTED, "the VHDX parent locator at 0x213000 is of an unknown kind");
    x = vx_child(8 * MIB, MIB);
    vx_item(x, 3, vx_locator_id, VX_LOCATOR, 19, 6);
    REFUSED(x, ERR_IMAGE, "the VHDX parent locator at 0x213000 is too short");
    x = vx_child(8 * MIB, MIB);
    vx_item(x, 3, vx_locator_id, VX_LOCATOR, 65537, 6);
    REFUSED(x, ERR_LIMIT, "the VHDX parent locator of 65537 bytes is longer than 64 KiB");
    x = vx_child(8 * MIB, MIB);
    vx_put32(vx_at(x, VX_META + VX_LOCATOR + 20 + 4), 0xfffffff0); /* the linkage's offset */
    vx_put16(vx_at(x, VX_META + VX_LOCATOR + 18), 65535);
    REFUSED(x, ERR_IMAGE, "the VHDX parent locator at 0x213000 has no parent_linkage");
}

TEST(read_errors_pass_through)
{
    static const uint64_t places[] = {VHDX_HEADER_1, VHDX_HEADER_2 + 8, VHDX_REGIONS_1 + 5,
                                      VX_META,       VX_META + VX_SIZE, VX_META + VX_LOCATOR,
                                      VX_BAT};
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        struct vx *x = vx_child(8 * MIB, MIB);
        x->unreadable = places[i];
        CHECK_EQ(vx_open(x), ERR_READ);
        CHECK_STR(failure.subject, "\\disk.vhdx");
        vx_free(x);
    }
}

TEST(too_little_memory)
{
    struct vx *x = vx_child(8 * MIB, MIB);
    OPENS(x);
    size_t enough = arena.peak;
    CHECK(enough < 128 << 10);
    for (size_t size = 0; size + 15 < enough; size += 61) { /* the peak is a multiple of 16 */
        arena_init(&arena, memory, size);
        CHECK_EQ(vhdx_open(&image, &x->file, &arena, &failure), ERR_MEMORY);
    }
    vx_free(x);
}

/* 64 TiB in blocks of 32 MiB: all there, one after the other, with a gap at each third one. */
static void invent_blocks(struct vx *x, uint64_t off, uint8_t *buf, uint32_t len)
{
    x->invent = NULL;
    struct fail f;
    (void)vx_read(&x->file, off, buf, len, &f);
    x->reads--; /* counted already */
    x->invent = invent_blocks;
    for (uint32_t i = 0; i < len && off >= VX_BAT && off < VX_BAT + 32 * MIB; i += 8) {
        uint64_t index = (off - VX_BAT + i) / 8;
        if (index % 129 != 128)
            vx_put64(buf + i, (GIB + (index + index / 3) * 32 * MIB) | 6);
    }
}

TEST(disk_of_64_tib)
{
    struct vx *x = vx_new(64 * TIB, 32 << 20, 0);
    OPENS(x);
    x->reads = 0;
    unsigned calls = 0;
    for (uint64_t lba = 0; lba < image.sectors; calls++)
        lba += run_at(lba).count;
    CHECK(calls <= 264);
    CHECK(x->reads <= 264);

    x->file.size = 100 * TIB;
    x->invent = invent_blocks;
    OPENS(x);
    CHECK_EQ(image.allocated, 0); /* nobody has counted yet */
    x->reads = 0;
    uint64_t data = 0;
    for (uint64_t lba = 0; lba < image.sectors;) {
        struct image_run run = run_at(lba);
        CHECK_EQ(run.state, IMAGE_DATA);
        data += run.count;
        lba += run.count;
    }
    CHECK_EQ(data, image.sectors);
    CHECK(x->reads <= 264);

    CHECK_EQ(image.check(&image, &arena, &failure), ERR_MEMORY);
    static uint8_t more[16 << 20];
    struct arena large;
    arena_init(&large, more, sizeof more);
    CHECK_EQ(image.check(&image, &large, &failure), ERR_OK);
    CHECK_EQ(large.used, 0);
    CHECK_EQ(image.allocated, 64 * TIB);
    vx_free(x);
}
