/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Slots of VHDXs, notes about them, and what the block table says of single blocks. */
#include "core/base/growth.h"
#include "core/base/note.h"
#include "core/vhdx/slack.h"
#include "core/vhdx/write.h"
#include "unit/unit.h"
#include "unit/vhdx_builder.h"

static uint8_t memory[1 << 20];
static struct arena arena;
static struct image image;
static struct image_slack slack;
static struct image_block block;
static struct fail failure;

static void look(struct vx *x)
{
    vx_seal(x);
    arena_init(&arena, memory, sizeof memory);
    CHECK_EQ(vhdx_open(&image, &x->file, &arena, &failure), ERR_OK);
    CHECK_EQ(image.slack(&image, &slack, &failure), ERR_OK);
}

/* A note in the file's last sector, by the header's file-write GUID. */
static uint8_t *note_put(struct vx *x, uint64_t first)
{
    uint8_t id[16], *at = vx_at(x, x->file.size - 512);
    memset(id, 0xf1, sizeof id);
    slack_note_make((struct slack_note *)at, id, first, x->file.size - 512);
    return at;
}

TEST(slots_lie_behind_the_last_block)
{
    struct vx *x = vx_new(64 * MIB, 2 * MIB, 0);
    uint64_t end = vx_block(x, 3, VHDX_FULLY_PRESENT) + 2 * MIB;
    look(x);
    CHECK_EQ(slack.count, 0);
    CHECK_EQ(slack.end, end);
    x->file.size += 7 * MIB;
    look(x);
    CHECK_EQ(slack.count, 3);
    CHECK_EQ(slack.first, end / 512);
    CHECK_EQ(slack.stride, 4096);
    CHECK_EQ(slack.block_sectors, 4096);
    CHECK_EQ(slack.bitmap_sectors, 0);
    CHECK_EQ(slack.bat_sector, VX_BAT / 512);
    CHECK(!slack.noted && !slack.unsure && slack.zero_from == UINT64_MAX);
    vx_free(x);
}

/* Others may take up again what they have unmapped; regions that nobody knows are somebody's. */
TEST(what_anything_names_is_no_slack)
{
    struct vx *x = vx_new(64 * MIB, 2 * MIB, 0);
    uint64_t end = x->file.size;
    x->file.size += 10 * MIB;
    vx_bat_set(x, 5, (end + 2 * MIB) | VHDX_UNMAPPED);
    look(x);
    CHECK_EQ(slack.end, end + 4 * MIB);
    CHECK_EQ(slack.count, 3);
    uint8_t other[16] = {9};
    vx_region(x, 2, other, end + 6 * MIB, MIB, 0);
    look(x);
    CHECK_EQ(slack.end, end + 7 * MIB);
    CHECK_EQ(slack.count, 1);
    vx_bat_set(x, 6,
               (end + 100 * MIB) | VHDX_UNMAPPED); /* beyond the file: nothing there to keep */
    look(x);
    CHECK_EQ(slack.count, 1);
    vx_region(x, 2, other, end + 9 * MIB, 5 * MIB, 0);
    look(x);
    CHECK_EQ(slack.count, 0);
    vx_free(x);
}

TEST(a_last_block_that_is_short_leaves_no_slack)
{
    struct vx *x = vx_new(5 * MIB, 2 * MIB, 0);
    vx_block(x, 2, VHDX_FULLY_PRESENT);
    x->file.size -= MIB;
    look(x);
    CHECK_EQ(slack.count, 0);
    vx_free(x);
}

TEST(sector_bitmaps_are_counted)
{
    struct vx *x = vx_child(9 * GIB, 2 * MIB);
    x->file.size += 8 * MIB;
    look(x);
    CHECK_EQ(slack.chunks, 3);
    CHECK_EQ(slack.bitmaps, 0);
    uint32_t sector;
    uint64_t place = vx_bitmap(x, 1);
    x->file.size += 4 * MIB;
    look(x);
    CHECK_EQ(slack.bitmaps, 1);
    CHECK_EQ(slack.end, place + MIB);
    CHECK_EQ(image.bitmap(&image, 0, &sector, &failure), ERR_OK);
    CHECK_EQ(sector, 0);
    CHECK_EQ(image.bitmap(&image, 1, &sector, &failure), ERR_OK);
    CHECK_EQ(sector, place / 512);
    vx_free(x);
}

TEST(a_note_that_fits_counts)
{
    struct vx *x = vx_new(64 * MIB, 2 * MIB, 0);
    uint64_t end = x->file.size;
    x->file.size += 7 * MIB;
    uint8_t *note = note_put(x, end);
    look(x);
    CHECK(slack.noted);
    CHECK_EQ(slack.zero_from, end);
    CHECK_EQ(slack.count, 3);
    x->file.size -= MIB; /* in its own MiB no slot lies over it; here one would */
    note_put(x, end);
    look(x);
    CHECK(slack.noted);
    CHECK_EQ(slack.count, 2);
    for (unsigned bit = 0; bit < 512 * 8; bit++) {
        note = vx_at(x, x->file.size - 512);
        note[bit >> 3] ^= (uint8_t)(1u << (bit & 7));
        look(x);
        CHECK(!slack.noted);
        CHECK_EQ(slack.count, 3);
        note[bit >> 3] ^= (uint8_t)(1u << (bit & 7));
    }
    x->file.size += 3 * MIB; /* somebody made the file longer */
    look(x);
    CHECK(!slack.noted);
    vx_free(x);
}

/* Every program that writes to a VHDX gives its header a new file-write GUID. */
TEST(a_note_ends_with_the_header_that_it_names)
{
    struct vx *x = vx_new(64 * MIB, 2 * MIB, 0);
    uint8_t seed[16] = {3}, page[4096], note[512];
    uint64_t end = x->file.size, place, note_at;
    x->file.size += 5 * MIB;
    note_put(x, end);
    look(x);
    CHECK(slack.noted);
    CHECK_EQ(vhdx_header_next(&image, VHDX_CHANGES_DISK, seed, page, &place, &failure), ERR_OK);
    CHECK(vhdx_note_next(&image, page, note, &note_at));
    CHECK_EQ(note_at, x->file.size - 512);
    memcpy(vx_at(x, place), page, sizeof page);
    look(x);
    CHECK(!slack.noted); /* cut between the two */
    CHECK(!vhdx_note_next(&image, page, vx_at(x, VX_META + 0x20000), &note_at));
    memcpy(vx_at(x, x->file.size - 512), note, sizeof note);
    look(x);
    CHECK(slack.noted);
    CHECK_EQ(slack.zero_from, end);
    vx_free(x);
}

TEST(the_file_changes_and_the_disk_does_not)
{
    struct vx *x = vx_new(64 * MIB, 2 * MIB, 0);
    uint8_t seed[16] = {3}, page[4096];
    uint64_t place;
    look(x);
    CHECK_EQ(vhdx_header_next(&image, VHDX_CHANGES_FILE, seed, page, &place, &failure), ERR_OK);
    CHECK(!memcmp(page + 0x20, image.id, 16));
    CHECK(memcmp(page + 0x10, vx_at(x, VHDX_HEADER_2) + 0x10, 16));
    vx_free(x);
}

TEST(single_blocks)
{
    struct vx *x = vx_child(64 * MIB, 2 * MIB);
    uint64_t bits = vx_bitmap(x, 0), data = vx_block(x, 1, VHDX_PARTIALLY_PRESENT);
    uint64_t full = vx_block(x, 2, VHDX_FULLY_PRESENT);
    vx_block(x, 31, VHDX_PARTIALLY_PRESENT);
    vx_bat_set(x, 3, VHDX_ZERO);
    *vx_at(x, bits + 512) = 2; /* block 1, sector 1 */
    memset(vx_at(x, bits + 31 * 512), 0xff, 512);
    look(x);
    CHECK_EQ(image.block(&image, 0, &block, &failure), ERR_OK);
    CHECK(!block.present && !block.zero && !block.full);
    CHECK_EQ(image.block(&image, 1, &block, &failure), ERR_OK);
    CHECK(block.present && !block.full && !block.zero);
    CHECK_EQ(block.data, data / 512);
    CHECK_EQ(block.bitmap[0], 2);
    CHECK_EQ(image.block(&image, 2, &block, &failure), ERR_OK);
    CHECK(block.present && block.full && block.data == full / 512);
    CHECK_EQ(image.block(&image, 3, &block, &failure), ERR_OK);
    CHECK(!block.present && block.zero);
    CHECK_EQ(image.block(&image, 31, &block, &failure), ERR_OK);
    CHECK(block.present && block.full);
    vx_bat_set(x, 4, 4);
    CHECK_EQ(image.block(&image, 4, &block, &failure), ERR_OK); /* the window of the BAT is old */
    arena_init(&arena, memory, sizeof memory);
    CHECK_EQ(vhdx_open(&image, &x->file, &arena, &failure), ERR_IMAGE);
    vx_free(x);
}

TEST(sectors_of_4_kib_get_no_blocks)
{
    struct vx *x = vx_new(64 * MIB, 2 * MIB, 0);
    vx_put32(vx_at(x, VX_META + VX_LOGICAL), 4096);
    vx_seal(x);
    arena_init(&arena, memory, sizeof memory);
    CHECK_EQ(vhdx_open(&image, &x->file, &arena, &failure), ERR_OK);
    CHECK_EQ(image.slack(&image, &slack, &failure), ERR_UNSUPPORTED);
    vx_free(x);
}
