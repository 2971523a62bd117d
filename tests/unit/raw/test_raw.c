/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is taken for a raw disk, and what is not. */
#include "core/chain/chain.h"
#include "core/raw/raw.h"
#include "unit/vhd_builder.h"

static struct piece_file p;
static uint8_t head[1024];
static struct fail f;

static void file_of(uint64_t size)
{
    memset(head, 0, sizeof head);
    piece_file_init(&p, "\\x", size, NULL, 0);
    piece_file_put(&p, 0, head, sizeof head);
}

static bool probe(const char *name)
{
    bool is_raw = false;
    CHECK_EQ(raw_probe(&p.file, name, &is_raw, &f), ERR_OK);
    return is_raw;
}

TEST(raw_by_name)
{
    file_of(4096);
    CHECK(probe("\\x.img") && probe("\\a.b\\X.RAW"));
    CHECK(!probe("\\x") && !probe("\\a.img\\x") && !probe("\\x.vhd") && !probe("img"));
}

TEST(raw_by_its_first_sector)
{
    file_of(4096);
    head[510] = 0x55;
    head[511] = 0xaa;
    CHECK(probe("\\x") && probe("\\x.iso") && probe("\\x.vhd.old"));
    CHECK(!probe("\\x.vhd") && !probe("\\x.VHDX") && !probe("\\x.avhd") && !probe("\\x.avhdx"));
    file_of(4097);
    head[510] = 0x55;
    head[511] = 0xaa;
    CHECK(!probe("\\x"));
    file_of(511);
    CHECK(!probe("\\x"));
    file_of(4096);
    p.bad = 511;
    bool is_raw;
    CHECK_EQ(raw_probe(&p.file, "\\x", &is_raw, &f), ERR_READ);
}

TEST(raw_opens_as_one_run)
{
    struct image image;
    struct image_run run;
    file_of((uint64_t)5 << 40);
    CHECK_EQ(raw_open(&image, &p.file, &f), ERR_OK);
    CHECK_EQ(image.sectors, (uint64_t)5 << 31);
    CHECK_EQ(image.kind, IMAGE_FIXED);
    CHECK_STR(image_kind_name(&image), "raw disk");
    CHECK_EQ(image.run(&image, 77, &run, &f), ERR_OK);
    CHECK_EQ(run.state, IMAGE_DATA);
    CHECK_EQ(run.file_sector, 77);
    CHECK_EQ(run.count, ((uint64_t)5 << 31) - 77);
    CHECK(run.in_place);
}

TEST(raw_refuses_a_lost_dynamic_disk_and_parts_of_sectors)
{
    static const struct {
        unsigned at;
        const char *bytes, *words;
    } other[] = {{512, "cxsparse", "lost at both ends"}};
    struct image image;
    for (unsigned i = 0; i < sizeof other / sizeof other[0]; i++) {
        file_of(1 << 20);
        memcpy(head + other[i].at, other[i].bytes, strlen(other[i].bytes));
        CHECK(raw_open(&image, &p.file, &f) != ERR_OK);
        CHECK(says(&f, other[i].words));
    }
    file_of(4097);
    CHECK_EQ(raw_open(&image, &p.file, &f), ERR_IMAGE);
    CHECK(says(&f, "\\x: a raw disk is a whole number of sectors, but the file has 4097 bytes"));
    file_of(0);
    CHECK_EQ(raw_open(&image, &p.file, &f), ERR_IMAGE);
    file_of(100);
    CHECK_EQ(raw_open(&image, &p.file, &f), ERR_IMAGE);
}

/* --- In a chain: only what has no footer */

static struct chain chain;
static uint8_t memory[1 << 20];

static enum err open_it(struct chain_files *files, const char *path, struct file *file,
                        uint8_t *drive_index, struct fail *why)
{
    (void)files;
    (void)path;
    (void)why;
    *file = p.file;
    *drive_index = 0;
    return ERR_OK;
}

static enum err open_path(const char *path)
{
    struct chain_files files = {.open = open_it};
    struct arena arena;
    arena_init(&arena, memory, sizeof memory);
    return chain_open(&chain, &files, path, &arena, &f);
}

TEST(raw_in_a_chain_is_what_has_no_footer)
{
    static uint8_t footer[512];
    static struct extent extent;
    file_of(1 << 20);
    extent = (struct extent){0, 8, 2048};
    p.extents = (struct extent_list){&extent, 1};
    head[510] = 0x55;
    head[511] = 0xaa;
    CHECK_EQ(open_path("\\x.img"), ERR_OK);
    CHECK_EQ(chain.link[0]->image.format, IMAGE_RAW);
    CHECK_EQ(chain.link[0]->image.sectors, 2048);
    char line[80];
    chain_describe(&chain, 0, line, sizeof line);
    CHECK_STR(line, "raw disk, 1 MiB, 1 fragment");
    CHECK_EQ(open_path("\\x.vhd"), ERR_FOREIGN);
    CHECK(says(&f, "lacks a VHD footer"));

    vhd_footer_make(footer, 2, (1 << 20) - 512, 1);
    piece_file_put(&p, (1 << 20) - 512, footer, 512);
    CHECK_EQ(open_path("\\x.img"), ERR_OK); /* a VHD by another name */
    CHECK_EQ(chain.link[0]->image.format, IMAGE_VHD);
    footer[100] ^= 1; /* a VHD with a damaged footer: no raw disk, whatever its name */
    CHECK_EQ(open_path("\\x.img"), ERR_IMAGE);
    CHECK(says(&f, "wrong checksum"));
    footer[0] = 'x';
    CHECK_EQ(open_path("\\x.img"), ERR_OK);
    CHECK_EQ(chain.link[0]->image.format, IMAGE_RAW);
    memcpy(head, "conectix", 8); /* a dynamic VHD's copy, damaged too */
    CHECK_EQ(open_path("\\x.img"), ERR_IMAGE);
    memcpy(head, "vhdxfile", 8);
    CHECK_EQ(open_path("\\x.img"), ERR_IMAGE);
    CHECK(!says(&f, "raw disk"));
}
