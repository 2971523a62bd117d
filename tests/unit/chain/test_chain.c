/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chains: what is opened for a path, what is said of it, and how failures name their file. */
#include "core/chain/chain.h"
#include "unit/vhd_builder.h"

#define MIB (1u << 20)

/* A world of files by path. */
struct world {
    struct chain_files files;
    struct piece_file *file[80];
    unsigned count;
};

static struct world world;
static struct chain chain;
static struct fail f;
static uint8_t memory[4 << 20];
static struct arena arena;
static struct piece_file p;
static struct extent extents[3];
static uint8_t footer[512];

static enum err world_open(struct chain_files *files, const char *path, struct file *file,
                           uint8_t *drive_index, struct fail *fail_)
{
    struct world *w = files->ctx;
    for (unsigned i = 0; i < w->count; i++) {
        if (!strcmp(w->file[i]->file.path, path)) {
            *file = w->file[i]->file;
            *drive_index = 3;
            return ERR_OK;
        }
    }
    return fail(fail_, ERR_NOT_FOUND, "no such file", 0);
}

static enum err open_path(const char *path)
{
    world.files = (struct chain_files){.open = world_open, .ctx = &world};
    arena_init(&arena, memory, sizeof memory);
    memset(&f, 0, sizeof f);
    return chain_open(&chain, &world.files, path, &arena, &f);
}

static void one_fixed(void)
{
    piece_file_init(&p, "\\a.vhd", 20 * MIB + 512, &extents[0], 700);
    vhd_footer_make(footer, 2, 20 * MIB, 1);
    piece_file_put(&p, 20 * MIB, footer, 512);
    world.file[0] = &p;
    world.count = 1;
}

TEST(chain_of_one_fixed)
{
    one_fixed();
    CHECK_EQ(open_path("\\a.vhd"), ERR_OK);
    CHECK_EQ(chain.count, 1);
    CHECK_EQ(chain.link[0]->drive_index, 3);
    CHECK_EQ(chain.link[0]->image.sectors, 20 * MIB / 512);
    CHECK_EQ(chain.link[0]->extents.count, 1);
    char line[80];
    chain_describe(&chain, 0, line, sizeof line);
    CHECK_STR(line, "fixed VHD, 20 MiB, 1 fragment");
    extents[0].count = 10;
    extents[1] = (struct extent){10, EXTENT_HOLE, 5};
    extents[2] = (struct extent){15, 9, 40000};
    p.extents.count = 3;
    CHECK_EQ(open_path("\\a.vhd"), ERR_OK);
    chain_describe(&chain, 0, line, sizeof line);
    CHECK_STR(line, "fixed VHD, 20 MiB, 2 fragments");
    chain_describe(&chain, 0, line, 10);
    CHECK_STR(line, "fixed VHD");
}

TEST(chain_names_what_is_missing)
{
    one_fixed();
    CHECK_EQ(open_path("\\b.vhd"), ERR_NOT_FOUND);
    CHECK(says(&f, "\\b.vhd: no such file"));
    footer[0] = 'x';
    CHECK_EQ(open_path("\\a.vhd"), ERR_IMAGE);
    CHECK(says(&f, "\\a.vhd: no VHD footer"));
    p.file.size = 0;
    CHECK_EQ(open_path("\\a.vhd"), ERR_IMAGE);
    CHECK(says(&f, "\\a.vhd: the file is empty"));
    p.file.size = 20 * MIB + 512;
    p.bad = 20 * MIB + 5;
    CHECK_EQ(open_path("\\a.vhd"), ERR_READ);
    CHECK(says(&f, "\\a.vhd: byte 20971525"));
}

TEST(chain_vhd_that_starts_like_a_vhdx)
{
    one_fixed();
    piece_file_put(&p, 0, "vhdxfile", 8); /* the guest's first sector: the footer decides */
    CHECK_EQ(open_path("\\a.vhd"), ERR_OK);
    CHECK_EQ(chain.link[0]->image.format, IMAGE_VHD);
}

TEST(chain_without_memory)
{
    one_fixed();
    world.files = (struct chain_files){.open = world_open, .ctx = &world};
    arena_init(&arena, memory, 100);
    CHECK_EQ(chain_open(&chain, &world.files, "\\a.vhd", &arena, &f), ERR_MEMORY);
}
