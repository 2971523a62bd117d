/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The VHDX log: which entries count, and what they change. BAT entries show which won. */
#include "unit/unit.h"
#include "unit/vhdx_builder.h"

static uint8_t memory[8 << 20];
static struct arena arena;
static struct image image;
static struct fail failure;
static char text[400];

#define BLOCK_A                                                                                    \
    1 /* block numbers; each test's disk has 512 blocks of 1 MiB: one page of the BAT              \
       */
#define RING 256

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

#define REFUSED(x, error, sentence)                                                                \
    do {                                                                                           \
        CHECK_EQ(vx_open(x), error);                                                               \
        errors_format(&failure, text, sizeof text);                                                \
        CHECK_STR(text, "\\disk.vhdx: " sentence);                                                 \
        vx_free(x);                                                                                \
    } while (0)

#define NO_ENTRIES "the VHDX was not closed, and its log at 0x100000 holds no valid entries"

/* The states of all blocks alike, as bytes of a BAT page would say: 0x02.. zero, 0x00.. absent. */
static enum image_state state_of(uint64_t block)
{
    struct image_run run = {0};
    CHECK_EQ(image.run(&image, block * 2048, &run, &failure), ERR_OK);
    return run.state;
}

/* Writes that make the BAT's first page full of entries in state `fill` & 7. */
static struct vx_write bat_page(uint8_t fill)
{
    return (struct vx_write){.offset = VX_BAT, .fill = fill};
}

static struct vx *vx_log_disk(void)
{
    struct vx *x = vx_new(512 * MIB, MIB, 0);
    vx_dirty(x);
    return x;
}

TEST(log_of_a_closed_file_is_ignored)
{
    struct vx *x = vx_new(512 * MIB, MIB, 0);
    struct vx_write w = bat_page(0x44);
    vx_log_entry(x, 0, 0, 5, &w, 1);
    OPENS(x);
    CHECK_EQ(state_of(BLOCK_A), IMAGE_ABSENT);
    CHECK_EQ(image.notes.count, 0);

    vx_put64(vx_at(x, VHDX_HEADER_2) + 0x48, 12345); /* nobody needs to know where it is */
    vx_put16(vx_at(x, VHDX_HEADER_2) + 0x40, 9);
    vx_seal(x);
    OPENS(x);
    vx_free(x);
}

TEST(log_entry_is_laid_over_the_file)
{
    struct vx *x = vx_log_disk();
    struct vx_write w = bat_page(0x02);
    vx_log_entry(x, 17, 17, 5, &w, 1);
    OPENS(x);
    CHECK(image.read_only);
    CHECK_EQ(state_of(BLOCK_A), IMAGE_ZERO);
    CHECK_EQ(state_of(511), IMAGE_ZERO);
    CHECK_EQ(image.notes.count, 1);
    notes_format(&image.notes, 0, text, sizeof text);
    CHECK_STR(text, "the VHDX was not closed: 1 pages of its log count instead of what they "
                    "replace");
    vx_free(x);
}

TEST(log_page_is_put_together)
{
    /* Three parts of a page: leading 8, middle, trailing 4. State bits differ in each. */
    struct vx *x = vx_log_disk();
    struct vx_write w = bat_page(0x02);
    vx_log_entry(x, 0, 0, 5, &w, 1);
    uint8_t *entry = vx_at(x, VX_LOG);
    vx_put64(entry + 64 + 8, 0);           /* block 0 absent */
    vx_put32(entry + 64 + 4, 0);           /* block 511's upper half: no matter */
    vx_put64(entry + 4096 + 4096 - 16, 0); /* block 510 */
    vx_put32(entry + 4, vx_crc(entry, 8192));
    OPENS(x);
    CHECK_EQ(state_of(0), IMAGE_ABSENT);
    CHECK_EQ(state_of(1), IMAGE_ZERO);
    CHECK_EQ(state_of(509), IMAGE_ZERO);
    CHECK_EQ(state_of(510), IMAGE_ABSENT);
    vx_free(x);
}

TEST(log_later_entries_win)
{
    struct vx *x = vx_log_disk();
    struct vx_write a[2] = {bat_page(0x44), bat_page(0x00)};
    struct vx_write b[3] = {{.offset = VX_BAT, .zero = MIB}, bat_page(0x44), bat_page(0x02)};
    uint32_t at = vx_log_entry(x, 3, 3, 70, a, 2);
    vx_log_entry(x, at, 3, 71, b, 3);
    OPENS(x);
    CHECK_EQ(state_of(BLOCK_A), IMAGE_ZERO);
    vx_free(x);
}

TEST(log_zero_descriptors)
{
    struct vx *x = vx_log_disk();
    for (unsigned i = 0; i < 512; i++)
        vx_bat_set(x, i, 4); /* what the log replaces */
    struct vx_write w[2] = {bat_page(0x44), {.offset = VX_BAT, .zero = 8192}};
    vx_log_entry(x, 0, 0, 1, w, 2);
    OPENS(x);
    CHECK_EQ(state_of(BLOCK_A), IMAGE_ABSENT);
    vx_free(x);
}

TEST(log_sequence_wraps_around)
{
    for (uint32_t start = RING - 6; start < RING; start++) {
        struct vx *x = vx_log_disk();
        struct vx_write a[2] = {bat_page(0x44), {.offset = VX_META + 4096 * 200, .fill = 1}};
        struct vx_write b = bat_page(0x02);
        uint32_t at = vx_log_entry(x, start, start, 9, a, 2);
        vx_log_entry(x, at, start, 10, &b, 1);
        OPENS(x);
        CHECK_EQ(state_of(BLOCK_A), IMAGE_ZERO);
        vx_free(x);
    }
}

TEST(log_stale_run_and_torn_newer_entry)
{
    struct vx *x = vx_log_disk();
    struct vx_write poison = bat_page(0x44);
    struct vx_write good = bat_page(0x02);
    uint32_t at = vx_log_entry(x, 100, 100, 20, &poison, 1); /* an older run */
    vx_log_entry(x, at, 100, 21, &poison, 1);
    at = vx_log_entry(x, 10, 10, 30, &poison, 1); /* the active one */
    at = vx_log_entry(x, at, 10, 31, &good, 1);
    vx_log_entry(x, at, 10, 32, &poison, 1); /* its third entry did not get done */
    *vx_at(x, VX_LOG + (at + 1) * 4096 + 2000) ^= 1;
    OPENS(x);
    CHECK_EQ(state_of(BLOCK_A), IMAGE_ZERO);
    vx_free(x);
}

TEST(log_tail_in_the_middle_of_a_run)
{
    /* Entries before the tail were flushed, and what they wrote may have been written since. */
    struct vx *x = vx_log_disk();
    struct vx_write poison = {.offset = VX_BAT, .fill = 0x44};
    struct vx_write other = {.offset = VX_META + 4096 * 200, .fill = 1};
    uint32_t at = vx_log_entry(x, 10, 10, 30, &poison, 1);
    uint32_t tail = vx_log_entry(x, at, 10, 31, &poison, 1);
    at = vx_log_entry(x, tail, tail, 32, &other, 1);
    vx_log_entry(x, at, tail, 33, &other, 1);
    OPENS(x);
    CHECK_EQ(state_of(BLOCK_A), IMAGE_ABSENT);
    vx_free(x);
}

TEST(log_tail_outside_the_run)
{
    struct vx *x = vx_log_disk();
    struct vx_write w = bat_page(0x02);
    uint32_t at = vx_log_entry(x, 10, 10, 30, &w, 1);
    vx_log_entry(x, at, 200, 31, &w, 1);
    REFUSED(x, ERR_IMAGE, NO_ENTRIES);

    x = vx_log_disk(); /* a whole older run is still better */
    struct vx_write poison = bat_page(0x44);
    vx_log_entry(x, 50, 50, 12, &w, 1);
    at = vx_log_entry(x, 10, 10, 30, &poison, 1);
    vx_log_entry(x, at, 200, 31, &poison, 1);
    OPENS(x);
    CHECK_EQ(state_of(BLOCK_A), IMAGE_ZERO);
    vx_free(x);
}

TEST(log_entries_of_another_log)
{
    struct vx *x = vx_log_disk();
    struct vx_write w = bat_page(0x44);
    vx_log_entry(x, 0, 0, 1000, &w, 1);
    uint8_t *entry = vx_at(x, VX_LOG);
    entry[32] ^= 1;
    vx_put32(entry + 4, vx_crc(entry, 8192));
    w = bat_page(0x02);
    vx_log_entry(x, 2, 2, 5, &w, 1);
    OPENS(x);
    CHECK_EQ(state_of(BLOCK_A), IMAGE_ZERO);
    vx_free(x);
}

TEST(log_empty_is_refused)
{
    struct vx *x = vx_log_disk();
    REFUSED(x, ERR_IMAGE, NO_ENTRIES);
}

/* Changes one field of a lone entry with its checksum right: then it does not count. */
static void entry_broken(uint32_t field, uint64_t value, unsigned size)
{
    struct vx *x = vx_log_disk();
    struct vx_write w = bat_page(0x02);
    vx_log_entry(x, 0, 0, 5, &w, 1);
    uint8_t *entry = vx_at(x, VX_LOG);
    uint8_t bytes[8];
    vx_put64(bytes, value);
    memcpy(entry + field, bytes, size);
    vx_put32(entry + 4, vx_crc(entry, 8192));
    REFUSED(x, ERR_IMAGE, NO_ENTRIES);
}

TEST(log_entries_that_cannot_be)
{
    entry_broken(8, 4096, 4);             /* length: without the data */
    entry_broken(8, 0, 4);                /* nothing */
    entry_broken(8, 8193, 4);             /* not aligned */
    entry_broken(8, 12288, 4);            /* more than its parts; the checksum fails as well */
    entry_broken(8, 0xfffff000, 4);       /* longer than the ring */
    entry_broken(12, 4096, 4);            /* tail: at no entry */
    entry_broken(12, 1, 4);               /* not aligned */
    entry_broken(12, 1 << 20, 4);         /* outside the ring */
    entry_broken(16, 0, 8);               /* sequence number zero */
    entry_broken(16, 6, 8);               /* not the descriptors' */
    entry_broken(24, 0, 4);               /* no descriptors, but data */
    entry_broken(24, 2, 4);               /* one that is none */
    entry_broken(24, 0xffffffff, 4);      /* more than fit */
    entry_broken(64, 0x64646464, 4);      /* descriptor of no kind */
    entry_broken(64, 0x6f72657a, 4);      /* "zero", but there is data */
    entry_broken(64 + 16, VX_BAT + 1, 8); /* page not aligned */
    entry_broken(64 + 24, 6, 8);          /* descriptor of another entry */
    entry_broken(4096, 0x64646464, 4);    /* data sector of no kind */
    entry_broken(4096 + 4, 1, 4);         /* data sector of another entry */
    entry_broken(8188, 6, 4);
}

TEST(log_checksum_over_all_of_the_entry)
{
    for (uint32_t at = 0; at < 8192; at += 31) {
        struct vx *x = vx_log_disk();
        struct vx_write w = bat_page(0x02);
        vx_log_entry(x, 0, 0, 5, &w, 1);
        *vx_at(x, VX_LOG + at) ^= 0x20;
        REFUSED(x, ERR_IMAGE, NO_ENTRIES);
    }
}

TEST(log_descriptors_in_several_sectors)
{
    static struct vx_write w[200];
    for (unsigned i = 0; i < 200; i++) {
        w[i] = (struct vx_write){.offset = VX_META + 4096 * 56 + 4096 * (uint64_t)i, .fill = 3};
        if (i % 3 == 1)
            w[i].zero = 4096;
    }
    w[0] = bat_page(0x44);
    w[125] = bat_page(0x44); /* the last of the first sector */
    w[126] = bat_page(0x00); /* the first of the second */
    w[199] = bat_page(0x02);
    struct vx *x = vx_log_disk();
    vx_log_entry(x, 200, 200, 5, w, 200);
    OPENS(x);
    CHECK_EQ(state_of(BLOCK_A), IMAGE_ZERO);
    vx_free(x);
}

TEST(log_may_change_metadata_and_regions)
{
    struct vx *x = vx_log_disk();
    struct vx_write w = {.offset = VX_META + VX_SIZE, .fill = 0};
    vx_log_entry(x, 0, 0, 5, &w, 1);
    uint8_t *entry = vx_at(x, VX_LOG);
    vx_put64(entry + 64 + 8, 100 * MIB);
    vx_put32(entry + 4, vx_crc(entry, 8192));
    OPENS(x);
    CHECK_EQ(image.sectors, 204800);
    vx_free(x);
}

TEST(log_says_that_the_file_was_cut)
{
    struct vx *x = vx_log_disk();
    struct vx_write w = bat_page(0x02);
    vx_log_entry(x, 0, 0, 5, &w, 1);
    x->file.size -= 1;
    REFUSED(x, ERR_IMAGE, "the file was cut: the VHDX log says that it had 4194304 bytes at least");
}

TEST(log_of_a_file_that_was_made_shorter)
{
    struct vx *x = vx_log_disk();
    struct vx_write w = bat_page(0x02);
    x->file.size += 8 * MIB;
    uint32_t at = vx_log_entry(x, 0, 0, 5, &w, 1);
    x->file.size -= 8 * MIB;
    vx_log_entry(x, at, 0, 6, &w, 1); /* the last one counts */
    OPENS(x);
    CHECK_EQ(state_of(BLOCK_A), IMAGE_ZERO);
    vx_free(x);
}

TEST(log_writes_behind_the_end_of_the_file)
{
    struct vx *x = vx_log_disk();
    uint64_t bits = x->file.size; /* the BAT moves there */
    struct vx_write w[2] = {{.offset = bits + 4096, .zero = MIB - 4096},
                            {.offset = bits, .fill = 2}};
    vx_region(x, 0, vx_bat_id, bits, MIB, 1);
    vx_seal(x);
    vx_log_entry(x, 0, 0, 5, w, 2);
    OPENS(x);
    CHECK_EQ(state_of(511), IMAGE_ZERO);
    vx_free(x);
}

TEST(log_would_make_the_file_longer)
{
    struct vx *x = vx_log_disk();
    struct vx_write w = bat_page(0x00);
    vx_log_entry(x, 0, 0, 5, &w, 1);
    uint8_t *entry = vx_at(x, VX_LOG);
    vx_put64(entry + 56, x->file.size + 2 * MIB);
    vx_put64(entry + 64 + 8, x->file.size | 6);           /* block 0 */
    vx_put64(entry + 4096 + 8, (x->file.size + MIB) | 6); /* block 1 */
    vx_put32(entry + 4, vx_crc(entry, 8192));
    OPENS(x);
    CHECK_EQ(state_of(0), IMAGE_ZERO);
    CHECK_EQ(state_of(1), IMAGE_ZERO);
    CHECK_EQ(state_of(2), IMAGE_ABSENT);
    x->file.size += 512 * 3; /* part of it was done */
    OPENS(x);
    struct image_run run;
    CHECK_EQ(image.run(&image, 0, &run, &failure), ERR_OK);
    CHECK_EQ(run.state, IMAGE_DATA);
    CHECK_EQ(run.count, 3);
    CHECK_EQ(image.run(&image, 3, &run, &failure), ERR_OK);
    CHECK_EQ(run.state, IMAGE_ZERO);
    vx_free(x);
}

TEST(log_over_contents_of_the_disk)
{
    struct vx *x = vx_log_disk();
    uint64_t off = vx_block(x, 0, 6);
    struct vx_write w[3] = {{.offset = off + 8192, .zero = 4096},
                            {.offset = off + 65536, .fill = 1}};
    vx_log_entry(x, 0, 0, 5, w, 2);
    OPENS(x);
    struct image_run run;
    CHECK_EQ(image.run(&image, 0, &run, &failure), ERR_OK);
    CHECK_EQ(run.state, IMAGE_DATA);
    CHECK_EQ(run.count, 16);
    CHECK_EQ(image.run(&image, 17, &run, &failure), ERR_OK);
    CHECK_EQ(run.state, IMAGE_ZERO);
    CHECK_EQ(run.count, 7);
    CHECK_EQ(image.run(&image, 24, &run, &failure), ERR_OK);
    CHECK_EQ(run.state, IMAGE_DATA);
    CHECK_EQ(run.count, 128 - 24);
    CHECK_EQ(image.run(&image, 128, &run, &failure), ERR_UNSUPPORTED);
    errors_format(&failure, text, sizeof text);
    CHECK_STR(text, "\\disk.vhdx: the VHDX log holds contents of the disk, for sector 8320 of the "
                    "file; open the image once where it can be repaired");
    CHECK_EQ(image.run(&image, 136, &run, &failure), ERR_OK);
    vx_free(x);
}

TEST(log_where_none_can_be)
{
    static const uint64_t places[] = {0, MIB + 512, (uint64_t)1 << 60, 4 * MIB};
    for (unsigned i = 0; i < 4; i++) {
        struct vx *x = vx_log_disk();
        vx_put64(vx_at(x, VHDX_HEADER_2) + 0x48, places[i]);
        vx_seal(x);
        CHECK_EQ(vx_open(x), ERR_IMAGE);
        vx_free(x);
    }
    struct vx *x = vx_log_disk();
    vx_put32(vx_at(x, VHDX_HEADER_2) + 0x44, 0);
    vx_seal(x);
    REFUSED(x, ERR_IMAGE, "the VHDX log at 0x100000 is not where a log can be");
    x = vx_log_disk();
    vx_put16(vx_at(x, VHDX_HEADER_2) + 0x40, 1);
    vx_seal(x);
    REFUSED(x, ERR_UNSUPPORTED, "the VHDX log has the unknown version 1");
}

TEST(log_too_many_pages)
{
    struct vx *x = vx_log_disk();
    struct vx_write w = {.offset = 1 << 30, .zero = ~(uint64_t)0 << 40};
    vx_log_entry(x, 0, 0, 5, &w, 1);
    REFUSED(x, ERR_LIMIT, "the VHDX log has changes to more than 262144 pages of 4 KiB");
    x = vx_log_disk();
    w.offset = ~(uint64_t)0 << 20;
    vx_log_entry(x, 0, 0, 5, &w, 1);
    REFUSED(x, ERR_IMAGE, NO_ENTRIES);
}

TEST(log_full_ring_and_read_errors)
{
    static struct vx_write w[253];
    struct vx *x = vx_log_disk();
    for (unsigned i = 0; i < 253; i++)
        w[i] = (struct vx_write){.offset = VX_BAT + (uint64_t)(i % 7) * 4096, .fill = 0x44};
    w[252] = bat_page(0x02);
    vx_log_entry(x, 77, 77, (uint64_t)5 << 32 | 6, w, 253);
    OPENS(x);
    CHECK_EQ(state_of(BLOCK_A), IMAGE_ZERO);
    notes_format(&image.notes, 0, text, sizeof text);
    CHECK_STR(text, "the VHDX was not closed: 7 pages of its log count instead of what they "
                    "replace");
    size_t enough = arena.peak;
    for (size_t size = 0; size < enough; size += 9973) {
        arena_init(&arena, memory, size);
        CHECK_EQ(vhdx_open(&image, &x->file, &arena, &failure), ERR_MEMORY);
    }
    for (uint64_t at = VX_LOG; at < VX_LOG + MIB; at += 50000) {
        x->unreadable = at;
        CHECK_EQ(vx_open(x), ERR_READ);
    }
    vx_free(x);
}
