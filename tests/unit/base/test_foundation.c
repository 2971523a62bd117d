/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rank 0 and 1 of core: text, errors, arena, sector reads and their cache, extents. */
#include "unit/unit.h"
#include "core/base/arena.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/base/text.h"

static char line[256];

static const char *bytes_text(uint64_t bytes)
{
    struct text t;
    text_init(&t, line, sizeof line);
    text_bytes(&t, bytes);
    return line;
}

TEST(text_numbers)
{
    struct text t;
    text_init(&t, line, sizeof line);
    text_u64(&t, 0);
    text_char(&t, ' ');
    text_u64(&t, UINT64_MAX);
    text_char(&t, ' ');
    text_hex(&t, 0xdeadbeef00);
    CHECK_STR(line, "0 18446744073709551615 deadbeef00");
}

TEST(text_sizes_are_read_by_people)
{
    CHECK_STR(bytes_text(512), "512 bytes");
    CHECK_STR(bytes_text(65024), "63.5 KiB");
    CHECK_STR(bytes_text((uint64_t)20 << 30), "20 GiB");
    CHECK_STR(bytes_text(UINT64_MAX), "15.9 EiB");
}

TEST(text_is_cut_not_overrun)
{
    char small[5] = {1, 1, 1, 1, 1};
    struct text t;
    text_init(&t, small, 4);
    text_str(&t, "abcdef");
    CHECK_STR(small, "abc");
    CHECK_EQ(small[4], 1);
}

TEST(text_utf16_surrogates)
{
    static const uint8_t units[] = {'a', 0, 0xe4, 0, 0x3d, 0xd8, 0x00, 0xde, 0x00, 0xd8, 'b', 0};
    struct text t;
    text_init(&t, line, sizeof line);
    text_utf16le(&t, units, sizeof units / 2);
    CHECK_STR(line, "a\xc3\xa4\xf0\x9f\x98\x80\xef\xbf\xbd"
                    "b");
}

TEST(failure_names_thing_and_fact)
{
    struct fail f;
    CHECK_EQ(fail(&f, ERR_IMAGE, "BAT entry %u lies at %%x", 7), ERR_IMAGE);
    CHECK_EQ(fail_subject(&f, "\\a.vhd"), ERR_IMAGE);
    CHECK_EQ(fail_subject(&f, "outer"), ERR_IMAGE);
    errors_format(&f, line, sizeof line);
    CHECK_STR(line, "\\a.vhd: BAT entry 7 lies at %x");
    for (int e = ERR_READ; e <= ERR_BIOS; e++)
        CHECK(*errors_advice((enum err)e));
}

TEST(notes_are_said_once)
{
    struct notes n = {0};
    notes_add(&n, "volume is dirty", 0);
    notes_add(&n, "volume is dirty", 0);
    notes_add(&n, "record %u was torn", 3);
    CHECK_EQ(n.count, 2);
    notes_format(&n, 1, line, sizeof line);
    CHECK_STR(line, "record 3 was torn");
}

TEST(notes_of_several_things)
{
    struct notes n = {0}, from = {0};
    notes_add(&from, "%u pages are torn", 7);
    notes_add_all(&n, &from, NULL);
    notes_add_all(&n, &from, NULL);
    from.note[0].value = 8;
    notes_add_all(&n, &from, "\\base.vhdx");
    CHECK_EQ(n.count, 2);
    notes_format(&n, 0, line, sizeof line);
    CHECK_STR(line, "7 pages are torn");
    notes_format(&n, 1, line, sizeof line);
    CHECK_STR(line, "\\base.vhdx: 8 pages are torn");
    char path[300] = "";
    memset(path, 'x', sizeof path - 1);
    notes_add_all(&n, &from, path);
    notes_format(&n, 2, line, 80);
    CHECK_STR(line + 40, ": 8 pages are torn");
    for (unsigned i = 0; i < 3 * NOTES_MAX; i++)
        notes_add_all(&n, &from, line + i % sizeof line);
    CHECK_EQ(n.count, NOTES_MAX);
}

TEST(arena_refuses_what_it_does_not_have)
{
    static uint8_t memory[1024];
    struct arena a;
    arena_init(&a, memory, sizeof memory);
    CHECK(arena_alloc(&a, 2000) == NULL);
    CHECK(arena_array(&a, UINT64_MAX, 8) == NULL);
    size_t mark = arena_mark(&a);
    uint8_t *p = arena_alloc(&a, 100);
    CHECK(p && p >= memory && (uintptr_t)p % 16 == 0);
    memset(p, 0xff, 100);
    arena_release(&a, mark);
    uint8_t *again = arena_alloc(&a, 100);
    CHECK(again == p && !again[0]);
    CHECK(arena_alloc(&a, arena_left(&a)) != NULL);
    CHECK_EQ(arena_left(&a), 0);
}

TEST(ranges_do_not_wrap)
{
    CHECK(range_ok(0, 10, 10));
    CHECK(!range_ok(1, 10, 10));
    CHECK(!range_ok(UINT64_MAX, 2, 10));
    CHECK(!range_ok(5, UINT64_MAX, 10));
    static const uint8_t bytes[4];
    struct view v = {bytes, 4};
    CHECK(view_at(v, 2, 2) == bytes + 2);
    CHECK(view_at(v, 2, 3) == NULL);
    CHECK(view_at(v, UINT64_MAX, 1) == NULL);
}

TEST(endian_round_trips)
{
    CHECK_EQ(le64_get(le64_make(0x0123456789abcdef)), 0x0123456789abcdef);
    CHECK_EQ(le64_make(0x0123456789abcdef).b[0], 0xef);
    CHECK_EQ(be32_get(be32_make(0x01234567)), 0x01234567);
    CHECK_EQ(be32_make(0x01234567).b[0], 0x01);
    CHECK_EQ(be64_get((be64){{1, 2, 3, 4, 5, 6, 7, 8}}), 0x0102030405060708);
    CHECK_EQ(be16_get((be16){{1, 2}}), 0x0102);
}

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

TEST(extents_are_found_and_counted)
{
    struct extent e[] = {{0, 100, 5}, {5, EXTENT_HOLE, 5}, {10, 7, 1}};
    struct extent_list list = {e, 3};
    CHECK_EQ(extent_fragments(&list), 2);
    CHECK(extent_find(&list, 4) == &e[0]);
    CHECK(extent_find(&list, 9) == &e[1]);
    CHECK(extent_find(&list, 10) == &e[2]);
    CHECK(extent_find(&list, 11) == NULL);

    struct file file = {.size = 11 * 512, .initialized = 11 * 512};
    struct fail f;
    CHECK_EQ(file_writable_in_place(&file, &list, &f), ERR_SPARSE);
    file.initialized = 512;
    CHECK_EQ(file_writable_in_place(&file, &list, &f), ERR_UNINIT);
}
