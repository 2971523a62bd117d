/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sector reads and their cache. */
#include "unit/unit.h"
#include "core/base/arena.h"
#include "core/base/blk.h"

/* A drive of numbered sectors: byte 0 of sector n is n. Sector `bad` cannot be read. */
struct numbered {
    struct blk blk;
    uint64_t bad;
};

static enum err numbered_read(struct blk *b, uint64_t lba, uint32_t count, void *buf,
                              struct fail *f)
{
    struct numbered *n = b->ctx;
    for (uint32_t i = 0; i < count; i++) {
        if (lba + i == n->bad)
            return fail(f, ERR_READ, "sector %u cannot be read", lba + i);
        memset((uint8_t *)buf + i * 512, (int)(lba + i), 512);
    }
    return ERR_OK;
}

static struct numbered numbered_drive(uint64_t sectors)
{
    return (struct numbered){{.read = numbered_read, .sectors = sectors}, UINT64_MAX};
}

TEST(reads_beyond_the_drive_are_refused)
{
    struct numbered n = numbered_drive(20);
    n.blk.ctx = &n;
    struct fail f;
    uint8_t buf[2 * 512];
    CHECK_EQ(blk_read(&n.blk, 19, 2, buf, &f), ERR_READ);
    CHECK_EQ(n.blk.reads, 0);
    CHECK_EQ(blk_read(&n.blk, 18, 2, buf, &f), ERR_OK);
    CHECK_EQ(buf[512], 19);
    CHECK_EQ(n.blk.sectors_read, 2);
}

TEST(cache_reads_lines_once)
{
    static uint8_t memory[16384];
    struct arena a;
    arena_init(&a, memory, sizeof memory);
    struct numbered n = numbered_drive(21);
    n.blk.ctx = &n;
    struct blk_cache c;
    struct fail f;
    CHECK_EQ(blk_cache_init(&c, &n.blk, 2, 3, &a, &f), ERR_OK);

    uint8_t buf[8 * 512];
    for (uint32_t lba = 0; lba + 3 <= 21; lba++) {
        CHECK_EQ(blk_read(&c.blk, lba, 3, buf, &f), ERR_OK);
        for (uint32_t i = 0; i < 3; i++)
            CHECK_EQ(buf[i * 512 + 511], lba + i);
    }
    CHECK_EQ(n.blk.reads, 6);
    CHECK_EQ(n.blk.sectors_read, 21);
    CHECK_EQ(blk_read(&c.blk, 0, 8, buf, &f), ERR_OK); /* longer than a line: straight through */
    CHECK_EQ(n.blk.sectors_read, 29);
}

TEST(cache_gives_good_neighbours_of_a_bad_sector)
{
    static uint8_t memory[16384];
    struct arena a;
    arena_init(&a, memory, sizeof memory);
    struct numbered n = numbered_drive(20);
    n.blk.ctx = &n;
    n.bad = 5;
    struct blk_cache c;
    struct fail f;
    uint8_t buf[512];
    CHECK_EQ(blk_cache_init(&c, &n.blk, 2, 3, &a, &f), ERR_OK);
    CHECK_EQ(blk_read(&c.blk, 4, 1, buf, &f), ERR_OK);
    CHECK_EQ(buf[0], 4);
    CHECK_EQ(blk_read(&c.blk, 5, 1, buf, &f), ERR_READ);
}
