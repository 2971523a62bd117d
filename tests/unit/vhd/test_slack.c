/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Slack: where new blocks of a VHD go, and what its BAT says of those that are there. */
#include "core/vhd/vhd.h"
#include "core/vhd/bat.h"
#include "core/vhd/slack.h"
#include "unit/vhd_builder.h"

#define KIB 1024u

static uint8_t bytes[4096 * KIB];
static struct vhd_build b;
static struct piece_file p;
static struct image image;
static struct vhd_slack slack;
static struct vhd_block block;
static struct fail f;
static uint8_t memory[1024 * KIB];
static struct arena arena;

static void start(uint32_t type, uint32_t blocks, uint32_t block_size)
{
    vhd_build_start(&b, bytes, sizeof bytes, type, (uint64_t)blocks * block_size, block_size, 5);
    memset(vhd_header_at(&b) + 40, 9, 16);
}

static void find(void)
{
    vhd_build_end(&b);
    piece_file_init(&p, "\\a.vhd", b.used, NULL, 0);
    piece_file_put(&p, 0, bytes, b.used);
    arena_init(&arena, memory, sizeof memory);
    CHECK_EQ(vhd_open(&image, &p.file, &arena, &f), ERR_OK);
    CHECK_EQ(vhd_slack_find(&image, &slack, &f), ERR_OK);
}

TEST(slack_none)
{
    start(3, 9, 64 * KIB);
    vhd_build_block(&b, 3);
    find();
    CHECK_EQ(slack.count, 0);
    CHECK_EQ(slack.end, b.used - 512);
    CHECK_EQ(slack.limit, b.used - 512);
    CHECK_EQ(slack.bitmap_sectors, 1);
    CHECK_EQ(slack.block_sectors, 128);
    CHECK_EQ(slack.bat_sector, 3);
}

TEST(slack_uses_every_slot_of_a_packed_file)
{
    for (unsigned slots = 1; slots < 9; slots++) {
        start(3, 20, 64 * KIB);
        vhd_build_block(&b, 3);
        uint32_t end = b.used / 512;
        b.used += slots * 129 * 512;
        find();
        CHECK_EQ(slack.count, slots);
        CHECK_EQ(slack.first, end);
        CHECK_EQ(slack.stride, 129);
    }
}

TEST(slack_aligns_where_there_is_room)
{
    start(3, 20, 64 * KIB);
    vhd_build_block(&b, 3);
    uint32_t end = b.used / 512;
    b.used += (7 + 136 * 3) * 512;
    find();
    CHECK_EQ(slack.count, 3);
    CHECK(slack.first >= end && slack.first - end < 8);
    CHECK_EQ((slack.first + slack.bitmap_sectors) % 8, 0);
    CHECK_EQ(slack.stride, 136);
    CHECK(slack.first + 2 * slack.stride + 129 <= slack.limit / 512);
}

TEST(slack_one_sector_short)
{
    start(3, 20, 64 * KIB);
    vhd_build_block(&b, 3);
    b.used += (2 * 129 - 1) * 512;
    find();
    CHECK_EQ(slack.count, 1);
}

TEST(slack_lies_behind_the_highest_block_and_all_structures)
{
    start(3, 20, 64 * KIB);
    uint32_t low = b.used;
    b.used += 300 * 512; /* a gap, which is not used */
    vhd_build_block(&b, 0);
    uint32_t high = b.used;
    b.used += 129 * 512;
    find();
    CHECK_EQ(slack.end, high);
    CHECK_EQ(slack.count, 1);

    /* Spare entries of the BAT, and a locator's data, are not free. */
    start(4, 20, 64 * KIB);
    put_be32(vhd_header_at(&b) + 28, 20 + 128 * 10);
    b.used += 129 * 512;
    find();
    CHECK_EQ(slack.end, low + 10 * 512);
    CHECK_EQ(slack.count, 0);
    start(4, 20, 64 * KIB);
    uint8_t *locator = vhd_header_at(&b) + 576;
    memcpy(locator, "W2ru", 4);
    put_be32(locator + 8, 30);
    put_be64(locator + 16, low + 1000);
    b.used += 132 * 512;
    find();
    CHECK_EQ(slack.end, low + 3 * 512);
    CHECK_EQ(slack.count, 1);
    start(4, 20, 64 * KIB); /* data beyond the file: it is not there */
    locator = vhd_header_at(&b) + 576;
    memcpy(locator, "W2ru", 4);
    put_be32(locator + 8, 30);
    put_be64(locator + 16, UINT64_MAX - 10);
    b.used += 129 * 512;
    find();
    CHECK_EQ(slack.count, 1);
}

TEST(slack_bat_within_a_sector)
{
    start(3, 9, 64 * KIB);
    put_be64(vhd_header_at(&b) + 16, b.bat_at + 4);
    vhd_build_end(&b);
    piece_file_init(&p, "\\a.vhd", b.used, NULL, 0);
    piece_file_put(&p, 0, bytes, b.used);
    arena_init(&arena, memory, sizeof memory);
    CHECK_EQ(vhd_open(&image, &p.file, &arena, &f), ERR_OK);
    CHECK_EQ(vhd_slack_find(&image, &slack, &f), ERR_UNSUPPORTED);
    CHECK(says(&f, "\\a.vhd: the VHD's BAT starts at byte 1540, within a sector"));
}

TEST(slack_blocks)
{
    start(4, 4, 64 * KIB);
    memset(vhd_build_block(&b, 1), 0xff, 16);
    uint32_t second = b.used / 512;
    memset(vhd_build_block(&b, 2), 0xff, 15);
    memset(vhd_build_block(&b, 3) + 1, 0xff, 15);
    find();
    CHECK_EQ(vhd_block_get(&image, 0, &block, &f), ERR_OK);
    CHECK(!block.present && !block.full);
    CHECK_EQ(vhd_block_get(&image, 1, &block, &f), ERR_OK);
    CHECK(block.present && block.full);
    CHECK_EQ(vhd_block_get(&image, 2, &block, &f), ERR_OK);
    CHECK(block.present && !block.full);
    CHECK_EQ(block.data, second + 1);
    CHECK_EQ(block.bitmap[14], 0xff);
    CHECK_EQ(block.bitmap[15], 0);
    CHECK_EQ(vhd_block_get(&image, 3, &block, &f), ERR_OK);
    CHECK(block.present && !block.full);
}

/* XenServer's map of full blocks, behind the BAT of a VHD that stores nothing yet. */
TEST(slack_begins_behind_a_batmap)
{
    for (unsigned named = 0; named < 2; named++) {
        start(3, 40, 64 * KIB);
        uint8_t *map = b.file + b.used;
        memset(map, 0, 512);
        memcpy(map, "tdbatmap", 8);
        put_be64(map + 8, b.used + 512);
        put_be32(map + 16, 2);
        if (named)
            memcpy(b.footer + 28, "tap", 4);
        uint64_t behind = b.used + 3 * 512;
        b.used += 300 * 512;
        find();
        CHECK_EQ(slack.end, named ? behind : behind - 3 * 512);
    }
    start(3, 40, 64 * KIB); /* a map that is said to lie beyond the end */
    uint8_t *map = b.file + b.used;
    memcpy(map, "tdbatmap", 8);
    put_be64(map + 8, UINT64_MAX - 5);
    put_be32(map + 16, 0xffffffff);
    memcpy(b.footer + 28, "tap", 4);
    uint64_t behind = b.used + 512;
    b.used += 300 * 512;
    find();
    CHECK_EQ(slack.end, behind);
}
