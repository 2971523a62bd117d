/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Slack: where new blocks of a VHD go, and what its BAT says of those that are there. */
#include "core/vhd/vhd.h"
#include "core/base/crc32.h"
#include "core/vhd/bat.h"
#include "core/base/note.h"
#include "core/vhd/slack.h"
#include "unit/vhd_builder.h"

#define KIB 1024u

static uint8_t bytes[4096 * KIB];
static struct vhd_build b;
static struct piece_file p;
static struct image image;
static struct image_slack slack;
static struct image_block block;
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

/* A sector in front of the footer that is (nearly) a note about zeros from byte `first` on. */
static uint8_t *note_put(uint64_t first)
{
    struct slack_note note;
    uint8_t id[16];
    memset(id, 5, sizeof id);
    slack_note_make(&note, id, first, b.used);
    memcpy(bytes + b.used, &note, sizeof note);
    b.used += 512;
    return bytes + b.used - 512;
}

static void note_start(uint32_t slots)
{
    start(3, 20, 64 * KIB);
    vhd_build_block(&b, 3);
    memset(bytes + b.used, 0, slots * 129 * 512);
    b.used += slots * 129 * 512;
}

static void sum_again(uint8_t *note)
{
    put_be32(note + 12, 0);
    put_be32(note + 12, crc32_ieee(0, note, 512));
}

TEST(note_is_laid_out_as_described)
{
    note_start(2);
    uint32_t end = b.used;
    uint8_t right[512] = "vhdbzero", *note = note_put(0x123400);
    put_be32(right + 8, 1);
    put_be64(right + 16, 0x123400);
    put_be64(right + 24, end);
    memset(right + 32, 5, 16);
    sum_again(right);
    CHECK(!memcmp(note, right, 512));
}

TEST(note_is_believed_and_takes_no_slot)
{
    note_start(3);
    uint32_t first = b.used - 3 * 129 * 512;
    note_put(first);
    find();
    CHECK(slack.noted);
    CHECK_EQ(slack.zero_from, first);
    CHECK_EQ(slack.count, 3);
    CHECK_EQ(slack.first, first / 512);
    CHECK_EQ(slack.limit, b.used - 512);
    note_start(3); /* a slot would lie over it */
    first = b.used - 3 * 129 * 512;
    b.used -= 512;
    note_put(first);
    find();
    CHECK(slack.noted);
    CHECK_EQ(slack.count, 2);
    note_start(0); /* nothing but the note */
    note_put(b.used);
    find();
    CHECK(slack.noted);
    CHECK_EQ(slack.count, 0);
}

/* All that makes it another file's, another place's, or half a note. */
TEST(note_that_does_not_fit_says_nothing)
{
    for (unsigned wrong = 0; wrong < 527; wrong++) {
        note_start(3);
        uint8_t *note = note_put(b.used - 3 * 129 * 512);
        if (wrong < 512) {
            note[wrong] ^= wrong % 2 ? 0x80 : 1; /* each byte counts */
        } else if (wrong == 512) {
            note[32] ^= 1; /* another file's */
        } else if (wrong == 513) {
            put_be64(note + 24, b.used); /* another place's */
        } else if (wrong == 514) {
            put_be64(note + 24, b.used - 1024);
        } else if (wrong == 515) {
            put_be64(note + 16, b.used); /* a range that ends before it starts */
        } else if (wrong == 516) {
            put_be64(note + 16, UINT64_MAX - 511);
        } else if (wrong == 517) {
            put_be64(note + 16, b.used - 512 - 100); /* within a sector */
        } else if (wrong == 518) {
            put_be32(note + 8, 2); /* a later revision */
        } else if (wrong == 519) {
            memset(note, 0, 512);
        } else if (wrong == 520) {
            memset(note, 0xff, 512);
        } else if (wrong < 526) {
            memset(note + (wrong - 520) * 8, 0, 512 - (wrong - 520) * 8); /* half written */
        }
        if (wrong >= 512 && wrong < 519)
            sum_again(note);
        if (wrong == 526)
            memset(bytes + b.used, 0, 512), b.used += 512; /* not in front of the footer */
        find();
        CHECK(!slack.noted);
        CHECK_EQ(slack.zero_from, UINT64_MAX);
        CHECK_EQ(slack.count, 3);
    }
}

TEST(note_within_a_block_is_the_guests)
{
    note_start(1);
    uint32_t sector = b.used / 512 - 129;
    b.used -= 512;
    note_put(0);
    put_be32(bytes + b.bat_at + 4 * 4, sector);
    find();
    CHECK(!slack.noted);
    CHECK_EQ(slack.count, 0);
    CHECK_EQ(slack.end, b.used - 512);
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
