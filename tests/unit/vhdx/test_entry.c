/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log entries that are made: read back by the loader's log, and their places in the ring. */
#include "unit/unit.h"
#include "unit/vhdx_builder.h"
#include "core/vhdx/entry.h"
#include "core/vhdx/layout.h"

#define RING 256

static uint8_t memory[8 << 20];
static uint8_t entry[VHDX_ENTRY_SIZE];
static uint8_t page[VHDX_PAGE_SIZE];
static struct arena arena;
static struct image image;
static struct fail failure;

/* Puts an entry of `pages` pages into the log: BAT pages full of `fill`. */
static void entry_put(struct vx *x, struct vhdx_ring *ring, uint32_t pages, uint8_t fill)
{
    const struct vhdx_header *header = (const void *)vx_at(x, VHDX_HEADER_2);
    memset(page, fill, sizeof page);
    for (uint32_t i = 0; i < pages; i++)
        vhdx_entry_page(entry, i, VX_BAT + (uint64_t)i * VHDX_PAGE_SIZE, page);
    uint32_t at = vhdx_ring_take(ring, pages);
    vhdx_entry_seal(entry, pages, ring, header->log_id, 0, 0);
    for (uint32_t i = 0; i < vhdx_entry_sectors(pages); i++)
        memcpy(vx_at(x, VX_LOG + (uint64_t)((at + i) % RING) * VHDX_PAGE_SIZE),
               entry + (size_t)i * VHDX_PAGE_SIZE, VHDX_PAGE_SIZE);
}

static enum err opened(struct vx *x)
{
    arena_init(&arena, memory, sizeof memory);
    return vhdx_open(&image, &x->file, &arena, &failure);
}

static enum image_state state_of(uint64_t block)
{
    struct image_run run = {0};
    CHECK_EQ(image.run(&image, block * 2048, &run, &failure), ERR_OK);
    return run.state;
}

static struct vx *dirty_disk(void)
{
    struct vx *x = vx_new(512 * MIB, MIB, 0);
    vx_dirty(x);
    return x;
}

TEST(entry_is_replayed_by_the_loader)
{
    struct vx *x = dirty_disk();
    struct vhdx_ring ring = {.sectors = RING};
    entry_put(x, &ring, 1, 0x02); /* state 2: zero */
    CHECK_EQ(opened(x), ERR_OK);
    CHECK_EQ(state_of(0), IMAGE_ZERO);
    CHECK_EQ(state_of(511), IMAGE_ZERO);
    struct vhdx_layout at;
    vhdx_layout(&image, &at);
    CHECK(at.log_in_use);
    CHECK_EQ(at.log_offset, VX_LOG);
    CHECK_EQ(at.log_length, MIB);
    CHECK_EQ(at.bat_offset, VX_BAT);
    CHECK_EQ(at.log_pages, 1);
    uint64_t offset;
    const uint8_t *data;
    vhdx_log_page(&image, 0, &offset, &data);
    CHECK_EQ(offset, VX_BAT);
    CHECK(data && !memcmp(data, page, sizeof page));
    vx_free(x);
}

TEST(entry_keeps_all_bytes_of_a_page)
{
    for (unsigned i = 0; i < sizeof page; i++)
        page[i] = (uint8_t)(i * 7 + (i >> 8));
    struct vhdx_ring ring = {.sectors = RING};
    static const uint8_t id[16] = {1};
    vhdx_entry_page(entry, 0, MIB, page);
    vhdx_ring_take(&ring, 1);
    vhdx_entry_seal(entry, 1, &ring, id, 5, 6);
    const struct vhdx_log_descriptor *d = (const void *)(entry + 64);
    uint8_t again[VHDX_PAGE_SIZE];
    memcpy(again, entry + VHDX_PAGE_SIZE, sizeof again);
    memcpy(again, d->leading.b, 8);
    memcpy(again + 4092, d->trailing.b, 4);
    CHECK(!memcmp(again, page, sizeof page));
    CHECK(!memcmp(entry + VHDX_PAGE_SIZE, "data", 4));
}

TEST(entry_longest)
{
    struct vx *x = dirty_disk();
    struct vhdx_ring ring = {.sectors = RING};
    CHECK_EQ(vhdx_ring_pages(RING), VHDX_ENTRY_PAGES);
    entry_put(x, &ring, VHDX_ENTRY_PAGES, 0x02);
    CHECK_EQ(opened(x), ERR_OK);
    CHECK_EQ(state_of(0), IMAGE_ZERO);
    vx_free(x);
}

TEST(entry_newer_wins_all_round_the_ring)
{
    struct vx *x = dirty_disk();
    struct vhdx_ring ring = {.sectors = RING};
    for (unsigned i = 0; i < 3 * RING; i++) {
        uint32_t pages = 1 + i * 5 % 9;
        bool zero = i & 1;
        if (i % 3 == 0)
            vhdx_ring_settled(&ring);
        while (!vhdx_ring_fits(&ring, pages))
            vhdx_ring_settled(&ring);
        entry_put(x, &ring, pages, zero ? 0x02 : 0x00);
        CHECK_EQ(opened(x), ERR_OK);
        CHECK_EQ(state_of(7), zero ? IMAGE_ZERO : IMAGE_ABSENT);
    }
    CHECK_EQ(ring.sequence, 3 * RING);
    vx_free(x);
}

TEST(entry_torn_leaves_the_one_before)
{
    struct vx *x = dirty_disk();
    struct vhdx_ring ring = {.sectors = RING};
    entry_put(x, &ring, 100, 0x00);
    entry_put(x, &ring, 2, 0x02);
    CHECK(!vhdx_ring_fits(&ring, 100)); /* it would leave no room for the longest one */
    vhdx_ring_settled(&ring);
    for (unsigned i = 0; i < 4; i++) {
        struct vhdx_ring before = ring;
        CHECK(vhdx_ring_fits(&ring, 126));
        entry_put(x, &ring, 126, 0x00);
        *vx_at(x, VX_LOG + (before.next + i * 40) % RING * VHDX_PAGE_SIZE) ^= 1;
        CHECK_EQ(opened(x), ERR_OK);
        CHECK_EQ(state_of(7), IMAGE_ZERO);
        ring = before;
    }
    vx_free(x);
}

TEST(ring_keeps_what_the_newest_entry_needs)
{
    struct vhdx_ring ring = {.sectors = RING};
    CHECK_EQ(vhdx_ring_take(&ring, 59), 0);
    CHECK(vhdx_ring_fits(&ring, 60));
    CHECK_EQ(vhdx_ring_take(&ring, 60), 60);
    CHECK_EQ(ring.oldest, 0);
    CHECK(!vhdx_ring_fits(&ring, 60));
    vhdx_ring_settled(&ring);
    CHECK(vhdx_ring_fits(&ring, 126));
    CHECK_EQ(vhdx_ring_take(&ring, 126), 121);
    CHECK_EQ(ring.oldest, 121);
    CHECK_EQ(ring.next, 248);
    vhdx_ring_settled(&ring);
    CHECK_EQ(vhdx_ring_take(&ring, 20), 248);
    CHECK_EQ(ring.next, 13);
}

TEST(header_page_has_its_checksum)
{
    struct vx *x = vx_new(8 * MIB, MIB, 0);
    struct vhdx_header header;
    memcpy(&header, vx_at(x, VHDX_HEADER_2), sizeof header);
    header.sequence = le64_make(77);
    vhdx_header_page(&header, page);
    memcpy(vx_at(x, VHDX_HEADER_1), page, sizeof page);
    CHECK_EQ(opened(x), ERR_OK);
    struct vhdx_layout at;
    vhdx_layout(&image, &at);
    CHECK_EQ(le64_get(at.header.sequence), 77);
    CHECK_EQ(at.header_offset, VHDX_HEADER_1);
    vx_free(x);
}

TEST(layout_counts_the_entries_of_a_bat)
{
    struct vhdx_layout at = {.block_count = 4097, .ratio_shift = 12};
    CHECK_EQ(vhdx_bat_entries(&at), 4098);
    CHECK_EQ(vhdx_bat_block(&at, 4096), 4097);
    CHECK_EQ(vhdx_bat_bitmap(&at, 0), 4096);
    at.has_parent = true;
    CHECK_EQ(vhdx_bat_entries(&at), 2 * 4097);
    CHECK_EQ(vhdx_bat_bitmap(&at, 1), 2 * 4097 - 1);
}
