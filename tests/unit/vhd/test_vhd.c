/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHD: which footer counts, what a fixed disk must hold to, what is refused and how it is said. */
#include "core/vhd/vhd.h"
#include "unit/vhd_builder.h"

#define MIB (1u << 20)

static struct piece_file p;
static struct image image;
static struct fail f;
static uint8_t memory[1 << 20];
static struct arena arena;
static uint8_t end[512], start[512];

static enum err open_image(void)
{
    arena_init(&arena, memory, sizeof memory);
    memset(&f, 0, sizeof f);
    return vhd_open(&image, &p.file, &arena, &f);
}

/* A fixed disk of `size` bytes with `extra` bytes between data and footer. */
static void fixed(uint64_t size, uint64_t extra)
{
    piece_file_init(&p, "\\a.vhd", size + extra + 512, NULL, 0);
    vhd_footer_make(end, 2, size, 0x11);
    piece_file_put(&p, size + extra, end, 512);
}

TEST(vhd_fixed_is_one_run)
{
    fixed(3000 * 512, 0); /* no product of cylinders, heads and sectors */
    CHECK_EQ(open_image(), ERR_OK);
    CHECK_EQ(image.kind, IMAGE_FIXED);
    CHECK_EQ(image.sectors, 3000);
    CHECK_EQ(image.allocated, 3000 * 512);
    CHECK_EQ(image.id[0], 0x11);
    CHECK_EQ(image.notes.count, 0);
    CHECK(!image.read_only);
    CHECK_STR(image.creator, "win");
    CHECK_STR(image_kind_name(&image), "fixed VHD");

    struct image_run run;
    CHECK_EQ(image.run(&image, 7, &run, &f), ERR_OK);
    CHECK_EQ(run.state, IMAGE_DATA);
    CHECK_EQ(run.count, 2993);
    CHECK_EQ(run.file_sector, 7);
    CHECK(run.in_place);
}

TEST(vhd_bytes_between_data_and_footer)
{
    fixed(MIB, 4096);
    CHECK_EQ(open_image(), ERR_OK);
    CHECK_EQ(image.sectors, MIB / 512);
}

TEST(vhd_short_footer_of_early_virtual_pc)
{
    fixed(MIB, 0);
    p.file.size--;
    CHECK_EQ(open_image(), ERR_OK);
    CHECK_EQ(image.sectors, MIB / 512);
    CHECK(has_note(&image.notes, "511 bytes"));
}

TEST(vhd_current_size_counts_whoever_made_it)
{
    static const char *const creators[] = {"vpc ", "vs  ",  "vbox",  "qemu", "qem2",
                                           "win ", "d2v\0", "tap\0", "CTXS", "wa\0\0"};
    for (unsigned i = 0; i < sizeof creators / sizeof creators[0]; i++) {
        fixed(12 * MIB, 0);
        memcpy(end + 28, creators[i], 4);
        put_be64(end + 40, MIB); /* the size it was made with */
        vhd_sum(end, 512, 64);
        CHECK_EQ(open_image(), ERR_OK);
        CHECK_EQ(image.sectors, 12 * MIB / 512);
        CHECK_EQ(has_note(&image.notes, "geometry"), i == 0);
    }
}

TEST(vhd_end_decides_over_a_vhd_inside)
{
    fixed(MIB, 0);
    vhd_footer_make(start, 3, 8 * MIB, 0x77); /* the guest keeps a dynamic VHD on the raw disk */
    piece_file_put(&p, 0, start, 512);
    CHECK_EQ(open_image(), ERR_OK);
    CHECK_EQ(image.kind, IMAGE_FIXED);
    CHECK_EQ(image.sectors, MIB / 512);
    CHECK_EQ(image.id[0], 0x11);
    CHECK_EQ(p.reads, 1);
}

TEST(vhd_fixed_has_no_copy)
{
    fixed(MIB, 0);
    memcpy(start, end, 512);
    end[0] = 'x';
    piece_file_put(&p, 0, start, 512);
    CHECK_EQ(open_image(), ERR_IMAGE);
    CHECK(says(&f, "\\a.vhd: no VHD footer at the end"));
}

TEST(vhd_damaged_footers_are_refused)
{
    fixed(MIB, 0);
    end[100] ^= 1;
    CHECK_EQ(open_image(), ERR_IMAGE);
    CHECK(says(&f, "the VHD footer at byte 1048576 has a wrong checksum"));

    fixed(MIB, 0);
    p.file.size -= 512; /* cut */
    CHECK_EQ(open_image(), ERR_IMAGE);
    CHECK(says(&f, "was cut"));

    for (uint32_t size = 0; size < 1100; size += 53) { /* never reads out of such files */
        piece_file_init(&p, "\\a.vhd", size, NULL, 0);
        CHECK_EQ(open_image(), ERR_IMAGE);
    }
}

TEST(vhd_sizes_that_cannot_be)
{
    fixed(MIB, 0);
    put_be64(end + 48, MIB + 512);
    vhd_sum(end, 512, 64);
    CHECK_EQ(open_image(), ERR_IMAGE);
    CHECK(says(&f, "1049088 bytes, but the file holds fewer"));

    put_be64(end + 48, 0);
    vhd_sum(end, 512, 64);
    CHECK_EQ(open_image(), ERR_IMAGE);

    put_be64(end + 48, UINT64_MAX);
    vhd_sum(end, 512, 64);
    CHECK_EQ(open_image(), ERR_IMAGE);

    put_be64(end + 48, MIB - 100);
    vhd_sum(end, 512, 64);
    CHECK_EQ(open_image(), ERR_OK);
    CHECK_EQ(image.sectors, MIB / 512 - 1);
    CHECK(has_note(&image.notes, "no whole sector"));
}

TEST(vhd_unknown_types_and_versions)
{
    static const uint32_t types[] = {0, 1, 5, 6, 0xffffffff};
    for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++) {
        fixed(MIB, 0);
        put_be32(end + 60, types[i]);
        vhd_sum(end, 512, 64);
        CHECK_EQ(open_image(), ERR_IMAGE);
        CHECK(says(&f, "unknown type"));
    }
    fixed(MIB, 0);
    put_be32(end + 12, 0x00020000);
    vhd_sum(end, 512, 64);
    CHECK_EQ(open_image(), ERR_UNSUPPORTED);
}

TEST(vhd_saved_state_forbids_writes)
{
    fixed(MIB, 0);
    end[84] = 1;
    vhd_sum(end, 512, 64);
    CHECK_EQ(open_image(), ERR_OK);
    CHECK(image.read_only);
    CHECK(has_note(&image.notes, "suspended"));
}

TEST(vhd_probe_sees_damaged_ones_too)
{
    bool is_vhd;
    fixed(MIB, 0);
    end[100] ^= 1;
    CHECK_EQ(vhd_probe(&p.file, &is_vhd, &f), ERR_OK);
    CHECK(is_vhd);
    piece_file_init(&p, "\\a.vhd", MIB, NULL, 0);
    CHECK_EQ(vhd_probe(&p.file, &is_vhd, &f), ERR_OK);
    CHECK(!is_vhd);
    p.bad = MIB - 1;
    CHECK_EQ(vhd_probe(&p.file, &is_vhd, &f), ERR_READ);
}
