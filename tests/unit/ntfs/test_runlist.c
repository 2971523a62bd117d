/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mapping pairs: runs and holes from their bytes, and bytes that lead off the volume. */
#include <string.h>
#include "unit/unit.h"
#include "core/base/arena.h"
#include "core/ntfs/runlist.h"

static uint8_t memory[1 << 16];
static struct arena arena;
static struct ntfs_runs runs;
static struct ntfs_run_limits limits;
static struct fail f;

static enum err more(const void *pairs, size_t size, uint64_t end)
{
    return ntfs_runs_decode(&runs, &arena, (struct view){pairs, size}, end, &limits, &f);
}

static enum err decode(const void *pairs, size_t size, uint64_t end)
{
    arena_init(&arena, memory, sizeof memory);
    runs = (struct ntfs_runs){0};
    limits = (struct ntfs_run_limits){.volume_clusters = 100000, .vcn_end = 1ull << 50};
    return more(pairs, size, end);
}

/* The string's NUL is the list's end. */
#define DECODE(pairs, end) decode(pairs, sizeof pairs, end)

TEST(runs_simple)
{
    CHECK_EQ(DECODE("\x21\x18\x34\x56\x11\x08\x20\x11\x04\xe0", 0x24), ERR_OK);
    CHECK_EQ(runs.count, 3);
    CHECK_EQ(runs.run[0].lcn, 0x5634);
    CHECK_EQ(runs.run[1].lcn, 0x5654);
    CHECK_EQ(runs.run[2].lcn, 0x5634);
    CHECK_EQ(runs.run[2].vcn, 0x20);
    CHECK_EQ(ntfs_run_length(&runs, 0), 0x18);
    CHECK_EQ(ntfs_run_length(&runs, 2), 4);
}

TEST(runs_holes_and_merging)
{
    /* 4 at 16, 2 of a hole, 2 of a hole, 4 at 20, 4 at 24 */
    CHECK_EQ(DECODE("\x11\x04\x10\x01\x02\x01\x02\x11\x04\x04\x11\x04\x04", 16), ERR_OK);
    CHECK_EQ(runs.count, 3);
    CHECK_EQ(runs.run[1].lcn, NTFS_HOLE);
    CHECK_EQ(ntfs_run_length(&runs, 1), 4);
    CHECK_EQ(ntfs_run_length(&runs, 2), 8);

    uint64_t lcn, count;
    ntfs_runs_find(&runs, 0, &lcn, &count);
    CHECK(lcn == 16 && count == 4);
    ntfs_runs_find(&runs, 5, &lcn, &count);
    CHECK(lcn == NTFS_HOLE && count == 3);
    ntfs_runs_find(&runs, 15, &lcn, &count);
    CHECK(lcn == 27 && count == 1);
}

TEST(runs_delta_0_is_lcn_0)
{
    CHECK_EQ(DECODE("\x11\x02\x00", 2), ERR_OK);
    CHECK_EQ(runs.run[0].lcn, 0);
}

TEST(runs_8_byte_fields)
{
    CHECK_EQ(DECODE("\x88\5\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0", 5), ERR_OK);
    CHECK_EQ(runs.run[0].lcn, 7);
    CHECK_EQ(DECODE("\x88\5\0\0\0\0\0\0\x80\7\0\0\0\0\0\0\0", 5), ERR_CORRUPT);
}

TEST(runs_malformed)
{
    CHECK_EQ(DECODE("\x10\x05", 5), ERR_CORRUPT);                        /* no length field */
    CHECK_EQ(DECODE("\x19\1\0\0\0\0\0\0\0\0\5", 1), ERR_CORRUPT);        /* 9 bytes of length */
    CHECK_EQ(DECODE("\x91\1\1\1\1\1\1\1\1\1\1", 1), ERR_CORRUPT);        /* 9 bytes of offset */
    CHECK_EQ(DECODE("\x11\x05", 5), ERR_CORRUPT);                        /* cut */
    CHECK_EQ(decode("\x11\x05\x10", 3, 5), ERR_CORRUPT);                 /* no end */
    CHECK_EQ(DECODE("\x11\x80\x10", 128), ERR_CORRUPT);                  /* negative length */
    CHECK_EQ(DECODE("\x11\x00\x10", 0), ERR_CORRUPT);                    /* no clusters */
    CHECK_EQ(DECODE("\x11\x05\xff", 5), ERR_CORRUPT);                    /* before the volume */
    CHECK_EQ(DECODE("\x31\x05\x9e\x86\x01", 5), ERR_CORRUPT);            /* 99998 + 5 > 100000 */
    CHECK_EQ(DECODE("\x31\x02\x9e\x86\x01", 2), ERR_OK);                 /* ends with the volume */
    CHECK_EQ(DECODE("\x08\0\0\0\0\0\0\0\x40", 1ull << 62), ERR_CORRUPT); /* longer than a file */
    CHECK_EQ(DECODE("\x11\x05\x10", 6), ERR_CORRUPT);                    /* short of the header */
    CHECK_EQ(DECODE("\x11\x05\x10", 4), ERR_CORRUPT);                    /* beyond the header */
    CHECK_EQ(DECODE("\x01\x00\x11\x05\x10", 5), ERR_OK);                 /* empty hole */
    CHECK_EQ(DECODE("", 0), ERR_OK);
    CHECK_EQ(runs.count, 0);
}

TEST(runs_hole_of_ntfs_1_2)
{
    CHECK_EQ(DECODE("\x11\x05\xff", 5), ERR_CORRUPT);
    runs = (struct ntfs_runs){0};
    limits.minus_one_is_hole = true;
    CHECK_EQ(more("\x11\x05\xff", 4, 5), ERR_OK);
    CHECK_EQ(runs.run[0].lcn, NTFS_HOLE);
}

TEST(runs_in_pieces)
{
    CHECK_EQ(DECODE("\x11\x05\x10", 5), ERR_OK);
    CHECK_EQ(more("\x11\x05\x15", 4, 10), ERR_OK); /* starts at LCN 0 again; joins the first */
    CHECK_EQ(runs.count, 1);
    CHECK_EQ(runs.clusters, 10);
}

TEST(runs_memory)
{
    CHECK_EQ(DECODE("\x11\x05\x10", 5), ERR_OK);
    arena.used = arena.size;
    CHECK_EQ(more("\x11\x05\x30", 4, 10), ERR_MEMORY);
    CHECK_EQ(f.value, 1);
    CHECK_EQ(DECODE("\x11\x05\x10", 5), ERR_OK);
    CHECK(arena_alloc(&arena, 16));
    CHECK_EQ(more("\x11\x05\x30", 4, 10), ERR_MEMORY);
}

/* Runs given as LCN and length. */
static uint64_t shared(const uint64_t (*given)[2], uint32_t count, uint64_t reserved)
{
    static struct ntfs_run run[8], other_run[1] = {{0, 500}};
    struct ntfs_runs list = {run, count, 0};
    struct ntfs_runs other = {other_run, 1, 10};
    for (uint32_t i = 0; i < count; i++) {
        run[i] = (struct ntfs_run){list.clusters, given[i][0]};
        list.clusters += given[i][1];
    }
    uint64_t cluster;
    arena_init(&arena, memory, sizeof memory);
    CHECK_EQ(ntfs_runs_shared(&list, &other, reserved, &arena, &cluster, &f), ERR_OK);
    CHECK_EQ(arena_mark(&arena), 0);
    return cluster;
}

TEST(runs_shared_clusters)
{
    const uint64_t apart[][2] = {{600, 10}, {610, 10}, {NTFS_HOLE, 5}, {20, 5}, {30, 1}, {510, 1}};
    CHECK_EQ(shared(apart, 6, 20), NTFS_HOLE);
    CHECK_EQ(shared(apart, 6, 21), 20);
    const uint64_t twice[][2] = {{700, 10}, {600, 10}, {705, 10}};
    CHECK_EQ(shared(twice, 3, 1), 705);
    const uint64_t in_other[][2] = {{509, 1}};
    CHECK_EQ(shared(in_other, 1, 1), 509);
    const uint64_t before_other[][2] = {{499, 2}};
    CHECK_EQ(shared(before_other, 1, 1), 500);

    struct ntfs_runs none = {0};
    uint64_t cluster;
    arena_init(&arena, memory, 0);
    CHECK_EQ(ntfs_runs_shared(&none, &none, 1, &arena, &cluster, &f), ERR_MEMORY);
}
