/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a VHDX needs before it is written in place, and which sectors may be. */
#include "unit/unit.h"
#include "unit/vhdx_builder.h"
#include "core/vhdx/write.h"

static uint8_t memory[4 << 20];
static struct arena arena;
static struct image image;
static struct fail failure;
static uint8_t page[4096];
static uint64_t place;
static const uint8_t seed[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                 0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88};

static struct vx *opened(struct vx *x)
{
    arena_init(&arena, memory, sizeof memory);
    CHECK_EQ(vhdx_open(&image, &x->file, &arena, &failure), ERR_OK);
    return x;
}

static uint64_t get64(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static void next_ok(void)
{
    CHECK_EQ(vhdx_header_next(&image, VHDX_CHANGES_DISK, seed, page, &place, &failure), ERR_OK);
}

static bool in_place_at(uint64_t lba, enum image_state state)
{
    struct image_run run;
    CHECK_EQ(image.run(&image, lba, &run, &failure), ERR_OK);
    CHECK_EQ(run.state, state);
    return run.in_place;
}

TEST(next_header_goes_over_the_one_that_does_not_count)
{
    struct vx *x = opened(vx_new(8 * MIB, MIB, 0)); /* header 1 has sequence 7, header 2 has 8 */
    next_ok();
    CHECK_EQ(place, VHDX_HEADER_1);
    CHECK_EQ(get64(page + 8), 9);
    vx_header(x, 1, 9);
    vx_seal(x);
    opened(x);
    next_ok();
    CHECK_EQ(place, VHDX_HEADER_2);
    CHECK_EQ(get64(page + 8), 10);
    vx_free(x);
}

TEST(next_header_goes_over_a_damaged_one)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    vx_at(x, VHDX_HEADER_2)[100] ^= 1;
    opened(x);
    next_ok();
    CHECK_EQ(place, VHDX_HEADER_2);
    CHECK_EQ(get64(page + 8), 8);
    vx_at(x, VHDX_HEADER_2)[100] ^= 1;
    vx_at(x, VHDX_HEADER_1)[100] ^= 1;
    opened(x);
    next_ok();
    CHECK_EQ(place, VHDX_HEADER_1);
    vx_free(x);
}

TEST(next_header_of_twins_goes_over_the_second)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    memcpy(vx_at(x, VHDX_HEADER_2), vx_at(x, VHDX_HEADER_1), VHDX_HEADER_SIZE);
    opened(x);
    next_ok();
    CHECK_EQ(place, VHDX_HEADER_2);
    CHECK_EQ(get64(page + 8), 8);
    vx_free(x);
}

TEST(next_header_is_valid_and_counts)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    vx_block(x, 3, 6);
    opened(x);
    next_ok();
    CHECK(!memcmp(page, "head", 4));
    CHECK_EQ(get64(page + 0x48), VX_LOG);
    CHECK_EQ(page[0x42], 1);
    for (unsigned i = 0x30; i < 0x40; i++)
        CHECK_EQ(page[i], 0); /* no log */
    for (unsigned i = 0x50; i < sizeof page; i++)
        CHECK_EQ(page[i], 0);
    memcpy(vx_at(x, place), page, sizeof page);
    opened(x);
    CHECK_EQ(image.notes.count, 0);
    CHECK(!memcmp(image.id, page + 0x20, 16));
    uint64_t written = place;
    next_ok();
    CHECK(place != written);
    CHECK_EQ(get64(page + 8), 10);
    vx_free(x);
}

/* Written in part, sector by sector: whatever came to be, the old header counts on. */
TEST(torn_next_header_leaves_the_old_one)
{
    struct vx *x = opened(vx_new(8 * MIB, MIB, 0));
    next_ok();
    uint8_t old_id[16];
    memcpy(old_id, image.id, 16);
    for (unsigned sectors = 1; sectors < 8; sectors++) {
        memset(vx_at(x, place), 0xee, sizeof page); /* what the rest was is of no account */
        memcpy(vx_at(x, place), page, 512 * sectors);
        opened(x);
        CHECK(!memcmp(image.id, old_id, 16));
    }
    vx_free(x);
}

TEST(new_ids_are_random_guids_and_new)
{
    struct vx *x = opened(vx_new(8 * MIB, MIB, 0));
    next_ok();
    for (unsigned at = 0x10; at <= 0x20; at += 0x10) {
        CHECK_EQ(page[at + 7] & 0xf0, 0x40);
        CHECK_EQ(page[at + 8] & 0xc0, 0x80);
        CHECK(memcmp(page + at, vx_at(x, VHDX_HEADER_2) + 0x10, 16));
        CHECK(memcmp(page + at, vx_at(x, VHDX_HEADER_2) + 0x20, 16));
    }
    CHECK(memcmp(page + 0x10, page + 0x20, 16));
    vx_free(x);
}

TEST(new_ids_never_equal_the_old)
{
    struct vx *x = opened(vx_new(8 * MIB, MIB, 0));
    next_ok();
    uint8_t data_id[16], second[16];
    memcpy(data_id, page + 0x20, 16);
    memcpy(second, data_id, 16);
    second[9]++;
    /* The ids that this seed and sequence number make are there already, and so are the next. */
    memcpy(vx_at(x, VHDX_HEADER_2) + 0x10, data_id, 16);
    memcpy(vx_at(x, VHDX_HEADER_2) + 0x20, second, 16);
    vx_seal(x);
    opened(x);
    next_ok();
    CHECK(memcmp(page + 0x20, data_id, 16));
    CHECK(memcmp(page + 0x20, second, 16));
    CHECK_EQ(page[0x29], (uint8_t)(data_id[9] + 2));
    vx_free(x);
}

TEST(one_seed_makes_other_ids_each_time)
{
    uint8_t ids[4][16];
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    for (unsigned i = 0; i < 4; i++) {
        opened(x);
        next_ok();
        memcpy(ids[i], page + 0x20, 16);
        for (unsigned k = 0; k < i; k++)
            CHECK(memcmp(ids[i], ids[k], 16));
        memcpy(vx_at(x, place), page, sizeof page);
    }
    vx_free(x);
}

TEST(no_next_header_for_what_is_read_only)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    vx_log_entry(x, 0, 0, 1, (struct vx_write[]){{.offset = 7 * MIB, .zero = 4096}}, 1);
    vx_dirty(x);
    opened(x);
    CHECK_EQ(vhdx_header_next(&image, VHDX_CHANGES_DISK, seed, page, &place, &failure),
             ERR_UNSUPPORTED);
    char text[200];
    errors_format(&failure, text, sizeof text);
    CHECK_STR(text, "\\disk.vhdx: the VHDX cannot be written: it was not closed");
    vx_free(x);
}

TEST(sequence_number_at_its_end)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    vx_header(x, 1, UINT64_MAX);
    vx_seal(x);
    opened(x);
    CHECK_EQ(vhdx_header_next(&image, VHDX_CHANGES_DISK, seed, page, &place, &failure), ERR_IMAGE);
    vx_free(x);
}

TEST(all_sectors_that_are_there_are_in_place)
{
    struct vx *x = vx_child(8 * MIB, MIB);
    vx_block(x, 0, VHDX_FULLY_PRESENT);
    vx_bat_set(x, 1, VHDX_ZERO);
    vx_block(x, 2, VHDX_PARTIALLY_PRESENT);
    vx_block(x, 3, VHDX_FULLY_PRESENT);
    vx_at(x, vx_bitmap(x, 0))[2 * 2048 / 8] = 0x0f;
    opened(x);
    CHECK(in_place_at(0, IMAGE_DATA));
    CHECK(!in_place_at(2048, IMAGE_ZERO));
    CHECK(in_place_at(2 * 2048, IMAGE_DATA)); /* its bit says so already */
    CHECK(!in_place_at(2 * 2048 + 4, IMAGE_ABSENT));
    CHECK(in_place_at(3 * 2048 + 7, IMAGE_DATA));
    CHECK(!in_place_at(4 * 2048, IMAGE_ABSENT));
    vx_free(x);
}

TEST(nothing_is_in_place_under_a_log)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    vx_block(x, 0, VHDX_FULLY_PRESENT);
    vx_log_entry(x, 0, 0, 1, (struct vx_write[]){{.offset = VX_BAT + 4096, .zero = 4096}}, 1);
    vx_dirty(x);
    opened(x);
    CHECK(image.read_only);
    CHECK(!in_place_at(0, IMAGE_DATA));
    vx_free(x);
}
