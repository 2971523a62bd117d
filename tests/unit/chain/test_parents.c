/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Differencing chains: which file becomes the parent, what is refused, and every sector of random
 * chains read through the map and compared with a model.
 *
 * Long because each refusal is tried in the chain that the random ones are made of. */
#include "core/chain/chain.h"
#include "core/map/map.h"
#include "unit/vhd_builder.h"

#define KIB       1024u
#define MIB       (1u << 20)

#define FILES_MAX 70
#define FILE_ROOM (640u * KIB)

/* A world of VHDs; file i lies on drive i, from sector 0. */
static struct {
    struct chain_files files;
    unsigned count;
    struct piece_file file[FILES_MAX];
    struct vhd_build build[FILES_MAX];
    struct array_drive drive[FILES_MAX];
    struct extent extent[FILES_MAX];
    uint8_t bytes[FILES_MAX][FILE_ROOM];
    char opened[4096]; /* each path that was asked for */
} w;

static struct chain chain;
static struct fail f;
static uint8_t memory[32 * MIB];
static struct arena arena;

static bool same_letters(const char *a, const char *b)
{
    for (; *a || *b; a++, b++) {
        if ((*a | 0x20) != (*b | 0x20))
            return false;
    }
    return true;
}

static enum err world_open(struct chain_files *files, const char *path, struct file *file,
                           uint8_t *drive_index, struct fail *why)
{
    (void)files;
    if (strlen(w.opened) + strlen(path) + 2 < sizeof w.opened)
        strcat(strcat(w.opened, path), " ");
    for (unsigned i = 0; i < w.count; i++) {
        if (same_letters(w.file[i].file.path, path)) {
            *file = w.file[i].file;
            *drive_index = (uint8_t)(i & 15);
            return ERR_OK;
        }
    }
    return fail(why, ERR_NOT_FOUND, "no such file", 0);
}

static void world_start(void)
{
    w.count = 0;
    w.files.open = world_open;
}

/* Starts a differencing (or, with parent 0, dynamic) disk with the id `id`. */
static struct vhd_build *start(uint8_t id, uint8_t parent, uint64_t disk_size, uint32_t block_size)
{
    struct vhd_build *b = &w.build[w.count];
    vhd_build_start(b, w.bytes[w.count], FILE_ROOM, parent ? 4 : 3, disk_size, block_size, id);
    memset(vhd_header_at(b) + 40, parent, 16);
    return b;
}

static void wide(struct vhd_build *b, unsigned slot, const char *code, const char *path)
{
    uint8_t *l = vhd_header_at(b) + 576 + 24 * slot;
    memcpy(l, code, 4);
    put_be32(l + 8, (uint32_t)strlen(path) * 2);
    put_be64(l + 16, b->used);
    memset(b->file + b->used, 0, 512);
    for (unsigned i = 0; path[i]; i++)
        b->file[b->used + 2 * i] = (uint8_t)path[i];
    b->used += 512;
}

static void add(const char *path)
{
    struct vhd_build *b = &w.build[w.count];
    vhd_build_end(b);
    piece_file_init(&w.file[w.count], path, b->used, &w.extent[w.count], 0);
    piece_file_put(&w.file[w.count], 0, b->file, b->used);
    array_drive_init(&w.drive[w.count], b->file, b->used / 512);
    w.count++;
}

static void add_child(const char *path, uint8_t id, uint8_t parent, const char *code,
                      const char *parent_path)
{
    wide(start(id, parent, MIB, 64 * KIB), 0, code, parent_path);
    add(path);
}

static void add_base(const char *path, uint8_t id)
{
    start(id, 0, MIB, 64 * KIB);
    add(path);
}

static enum err open_path(const char *path)
{
    arena_init(&arena, memory, sizeof memory);
    memset(&f, 0, sizeof f);
    w.opened[0] = '\0';
    return chain_open(&chain, &w.files, path, &arena, &f);
}

TEST(parent_beside_the_child)
{
    world_start();
    add_child("\\vhd\\child.vhd", 2, 1, "W2ru", ".\\base.vhd");
    add_base("\\vhd\\BASE.vhd", 1); /* renamed in case only */
    CHECK_EQ(open_path("\\vhd\\child.vhd"), ERR_OK);
    CHECK_EQ(chain.count, 2);
    CHECK_STR(chain.link[1]->path, "\\vhd\\base.vhd");
    CHECK_EQ(chain.link[1]->image.kind, IMAGE_DYNAMIC);
    CHECK_EQ(chain.link[0]->image.notes.count, 0);
}

TEST(parent_paths)
{
    static const struct {
        const char *child, *code, *path, *parent;
    } cases[] = {{"\\vhd\\a\\c.vhd", "W2ru", "..\\base.vhd", "\\vhd\\base.vhd"},
                 {"\\c.vhd", "W2ru", "..\\..\\x\\.\\y\\..\\base.vhd", "\\x\\base.vhd"},
                 {"vhd/c.vhd", "W2ru", "..\\x\\base.vhd", "x/base.vhd"},
                 {"c.vhd", "W2ru", "..\\base.vhd", "../base.vhd"},
                 {"../c.vhd", "W2ru", "..\\base.vhd", "../../base.vhd"},
                 {"/h/vhd/c.vhd", "W2ru", ".\\base.vhd", "/h/vhd/base.vhd"},
                 {"/h/vhd/c.vhd", "W2ku", "C:\\x\\base.vhd", "/x/base.vhd"},
                 {"\\h\\c.vhd", "W2ku", "C:\\x\\base.vhd", "\\x\\base.vhd"},
                 {"\\h\\c.vhd", "W2ku", "\\\\?\\c:\\\\x\\\\base.vhd", "\\x\\base.vhd"},
                 {"\\h\\c.vhd", "W2ku", "C:\\gone\\base.vhd", "\\h\\base.vhd"},
                 {"\\h\\c.vhd", "W2ku", "\\\\server\\share\\base.vhd", "\\h\\base.vhd"},
                 {"\\h\\c.vhd", "W2ku", "\\\\?\\UNC\\s\\share\\base.vhd", "\\h\\base.vhd"},
                 {"\\h\\c.vhd", "W2ku", "\\\\?\\Volume{0}\\x\\base.vhd", "\\x\\base.vhd"},
                 {"\\h\\c.vhd", "W2ku", "x\\base.vhd", "\\h\\x\\base.vhd"},
                 {"\\h\\c.vhd", "W2ku", "c:x\\base.vhd", "\\h\\x\\base.vhd"},
                 {"c.vhd", "W2ru", "VOL:\\base.vhd", "base.vhd"},
                 {"c.vhd", "W2ru", ".\\VOL:\\base.vhd", "base.vhd"},
                 {"VOL:\\h\\c.vhd", "W2ru", "..\\..\\x\\base.vhd", "VOL:\\x\\base.vhd"},
                 {"VOL:\\h\\c.vhd", "W2ku", "C:\\x\\base.vhd", "VOL:\\x\\base.vhd"}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world_start();
        add_child(cases[i].child, 2, 1, cases[i].code, cases[i].path);
        add_base(cases[i].parent, 1);
        CHECK_EQ(open_path(cases[i].child), ERR_OK);
        CHECK_STR(chain.link[1]->path, cases[i].parent);
    }
}

/* A path that ends at the root is a path all the same, on the child's volume. */
TEST(parent_that_is_the_root)
{
    world_start();
    add_child("VOL:\\h\\c.vhd", 2, 1, "W2ru", "..");
    CHECK_EQ(open_path("VOL:\\h\\c.vhd"), ERR_PARENT);
    CHECK(strstr(w.opened, "VOL:\\ "));
    world_start();
    add_child("\\c.vhd", 2, 1, "W2ku", "C:\\..\\..");
    CHECK_EQ(open_path("\\c.vhd"), ERR_PARENT);
    CHECK(strstr(w.opened, " \\ "));
}

TEST(parent_where_the_user_says)
{
    static const char *const places[] = {"BASES:\\other.vhd", "BASES:\\base.vhd"};
    world_start();
    add_child("\\c.vhd", 2, 1, "W2ru", ".\\gone.vhd");
    add_base("BASES:\\other.vhd", 9);
    add_base("BASES:\\base.vhd", 1);
    CHECK_EQ(open_path("\\c.vhd"), ERR_PARENT);
    w.files.parent = places;
    w.files.parent_count = 2;
    CHECK_EQ(open_path("\\c.vhd"), ERR_OK);
    CHECK_STR(chain.link[1]->path, "BASES:\\base.vhd");
    w.files.parent_count = 1;
    CHECK_EQ(open_path("\\c.vhd"), ERR_PARENT);
    CHECK(strstr(f.subject, "BASES:\\other.vhd"));
    w.files.parent_count = 0;
}

TEST(parent_with_another_id_is_passed_over)
{
    world_start();
    struct vhd_build *b = start(2, 1, MIB, 64 * KIB);
    wide(b, 0, "W2ru", "base.vhd");
    wide(b, 1, "W2ku", "D:\\right\\base.vhd");
    add("\\vhd\\child.vhd");
    add_base("\\vhd\\base.vhd", 7);
    add_base("\\right\\base.vhd", 1);
    CHECK_EQ(open_path("\\vhd\\child.vhd"), ERR_OK);
    CHECK_STR(chain.link[1]->path, "\\right\\base.vhd");
    CHECK(has_note(&chain.link[0]->image.notes, "passed over"));
}

TEST(parent_that_is_wrong_everywhere)
{
    world_start();
    struct vhd_build *b = start(2, 1, MIB, 64 * KIB);
    wide(b, 0, "W2ku", "D:\\gone\\base.vhd");
    wide(b, 1, "W2ru", "base.vhd");
    add("\\vhd\\child.vhd");
    add_base("\\vhd\\base.vhd", 7);
    CHECK_EQ(open_path("\\vhd\\child.vhd"), ERR_PARENT);
    CHECK(says(&f, "\\vhd\\child.vhd: parent \\vhd\\base.vhd has another id: it was changed or "
                   "replaced; take the parent this disk was made from"));
}

TEST(parent_that_is_missing)
{
    world_start();
    add_child("\\vhd\\child.vhd", 2, 1, "W2ru", "..\\base\\base.vhd");
    CHECK_EQ(open_path("\\vhd\\child.vhd"), ERR_PARENT);
    CHECK(says(&f, "\\vhd\\child.vhd: parent \\base\\base.vhd is not there"));
    CHECK_STR(w.opened, "\\vhd\\child.vhd \\base\\base.vhd \\vhd\\base.vhd ");

    world_start(); /* no locator, no name */
    start(2, 1, MIB, 64 * KIB);
    add("\\vhd\\child.vhd");
    CHECK_EQ(open_path("\\vhd\\child.vhd"), ERR_PARENT);
    CHECK(says(&f, "does not say where its parent lies"));
}

TEST(parent_that_is_damaged)
{
    world_start();
    add_child("\\child.vhd", 2, 1, "W2ru", "base.vhd");
    add_base("\\base.vhd", 1);
    w.bytes[1][600] ^= 1;
    CHECK_EQ(open_path("\\child.vhd"), ERR_IMAGE);
    CHECK(says(&f, "\\base.vhd: the VHD dynamic header at byte 512 has a wrong checksum"));
}

TEST(parent_that_is_a_raw_disk)
{
    world_start();
    add_child("\\c.vhd", 2, 1, "W2ru", ".\\base.img");
    static uint8_t raw[4096];
    piece_file_init(&w.file[w.count], "\\base.img", sizeof raw, &w.extent[w.count], 0);
    piece_file_put(&w.file[w.count++], 0, raw, sizeof raw);
    CHECK_EQ(open_path("\\c.vhd"), ERR_PARENT);
    CHECK(says(&f, "parent \\base.img is a raw disk, which has no id"));
}

TEST(parent_with_damaged_end)
{
    world_start();
    add_child("\\child.vhd", 2, 1, "W2ru", "base.vhd");
    add_base("\\base.vhd", 1);
    w.bytes[1][w.build[1].used - 1] ^= 1;
    CHECK_EQ(open_path("\\child.vhd"), ERR_OK);
    CHECK(!chain.link[0]->image.read_only);
}

TEST(parent_names_are_cut_evenly)
{
    char child[150] = "\\", parent[200];
    memset(child + 1, 'c', 140);
    memset(parent, 'p', 199);
    parent[199] = '\0';
    world_start();
    add_child(child, 2, 1, "W2ru", parent);
    CHECK_EQ(open_path(child), ERR_PARENT);
    CHECK(says(&f, "ccc: parent \\ppp"));
    CHECK(says(&f, "ppp is not there"));
}

TEST(chain_that_bites_its_tail)
{
    world_start();
    add_child("\\a.vhd", 1, 1, "W2ru", "a.vhd");
    CHECK_EQ(open_path("\\a.vhd"), ERR_PARENT);
    CHECK(says(&f, "\\a.vhd: the disk's parents lead back to it"));

    world_start();
    add_child("\\a.vhd", 1, 2, "W2ru", "b.vhd");
    add_child("\\b.vhd", 2, 3, "W2ru", "c.vhd");
    add_child("\\c.vhd", 3, 2, "W2ru", "b.vhd");
    CHECK_EQ(open_path("\\a.vhd"), ERR_PARENT);
    CHECK(says(&f, "\\b.vhd: the disk's parents lead back to it"));
}

static void add_depth(unsigned parents)
{
    world_start();
    for (unsigned i = 0; i <= parents; i++) {
        char path[20], parent[20];
        snprintf(path, sizeof path, "\\%u.vhd", i);
        snprintf(parent, sizeof parent, "%u.vhd", i + 1);
        if (i == parents)
            add_base(path, (uint8_t)(i + 1));
        else
            add_child(path, (uint8_t)(i + 1), (uint8_t)(i + 2), "W2ru", parent);
    }
}

TEST(chain_depth)
{
    static const unsigned depths[] = {1, 3, 12, 64};
    for (unsigned i = 0; i < 4; i++) {
        add_depth(depths[i]);
        CHECK_EQ(open_path("\\0.vhd"), ERR_OK);
        CHECK_EQ(chain.count, depths[i] + 1);
    }
    add_depth(65);
    CHECK_EQ(open_path("\\0.vhd"), ERR_LIMIT);
    CHECK(says(&f, "\\0.vhd: the disk has more than 64 parents"));
}

/* Random chains against a model */

static uint32_t seed;

static uint32_t any(uint32_t limit)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 8) % limit;
}

#define DISK_SECTORS 1000u

static uint8_t model[DISK_SECTORS]; /* which layer's sector is seen; 0: zeros */

static void stamp(uint8_t *sector, uint8_t layer, uint32_t lba)
{
    memset(sector, layer, 512);
    put_be32(sector + 8, lba);
}

/* Fills blocks of the layer that was started; what its bits do not show stays poison. */
static void fill_layer(struct vhd_build *b, uint8_t layer, uint32_t sectors, bool differencing)
{
    uint32_t block_sectors = b->block_size / 512;
    uint32_t order[512];
    for (uint32_t i = 0; i < b->bat_entries; i++)
        order[i] = i;
    for (uint32_t i = b->bat_entries; i > 1; i--) {
        uint32_t j = any(i), t = order[i - 1];
        order[i - 1] = order[j];
        order[j] = t;
    }
    if (!differencing)
        memset(model, 0, sizeof model);
    for (uint32_t lba = sectors; lba < DISK_SECTORS; lba++)
        model[lba] = 0; /* its disk ends here: nothing of its parents is seen */
    for (uint32_t i = 0; i < b->bat_entries; i++) {
        if (!any(3))
            continue;
        uint8_t *bitmap = vhd_build_block(b, order[i]);
        uint8_t *data = bitmap + vhd_bitmap_bytes(b);
        unsigned mode = any(4);
        for (uint32_t s = 0; s < block_sectors; s++) {
            uint32_t lba = order[i] * block_sectors + s;
            bool here = mode == 0 || (mode == 1 ? any(2) : any(40) < 35);
            if (here)
                bitmap[s / 8] |= (uint8_t)(0x80 >> s % 8);
            if (lba >= sectors || (differencing && !here))
                continue;
            stamp(data + s * 512, layer, lba);
            model[lba] = layer;
        }
    }
}

static void check_disk(uint32_t sectors)
{
    struct map map;
    static uint8_t disk[DISK_SECTORS * 512], expect[512];
    struct blk *drive[16];
    for (unsigned i = 0; i < 16; i++)
        drive[i] = &w.drive[i].blk;
    CHECK_EQ(map_build(&map, &chain, &(struct map_writes){0}, &arena, &f), ERR_OK);
    CHECK_EQ(map.sectors, sectors);
    for (uint32_t lba = 0; lba < sectors;) {
        uint32_t n = any(70) + 1;
        if (n > sectors - lba)
            n = sectors - lba;
        CHECK_EQ(map_read(&map, drive, lba, n, disk + lba * 512, &f), ERR_OK);
        lba += n;
    }
    for (uint32_t lba = 0; lba < sectors; lba++) {
        memset(expect, 0, sizeof expect);
        if (model[lba])
            stamp(expect, model[lba], lba);
        CHECK(!memcmp(disk + lba * 512, expect, 512));
    }
}

TEST(chain_random_layers_equal_the_model)
{
    for (seed = 1; seed < 400; seed++) {
        uint32_t start_seed = seed;
        world_start();
        unsigned layers = 1 + any(6);
        uint32_t sectors = 0;
        for (unsigned layer = 1; layer <= layers; layer++) { /* base first */
            char path[20], parent[20];
            snprintf(path, sizeof path, "\\%u.vhd", layer);
            snprintf(parent, sizeof parent, "%u.vhd", layer - 1);
            sectors = DISK_SECTORS - any(3) * 100;
            struct vhd_build *b = start((uint8_t)layer, (uint8_t)(layer - 1),
                                        (uint64_t)sectors * 512, (4u << any(5)) * KIB);
            if (layer > 1)
                wide(b, 0, "W2ru", parent);
            fill_layer(b, (uint8_t)layer, sectors, layer > 1);
            add(path);
        }
        char leaf[20];
        snprintf(leaf, sizeof leaf, "\\%u.vhd", layers);
        CHECK_EQ(open_path(leaf), ERR_OK);
        CHECK_EQ(chain.count, layers);
        check_disk(sectors);
        seed = start_seed;
    }
}

/* Marks a merge of the child with this id in a footer of file `i`: at its end, or the copy. */
static void mark(unsigned i, bool at_end, uint32_t state, uint8_t child)
{
    uint8_t *footer = w.bytes[i] + (at_end ? w.build[i].used - 512 : 0);
    memset(footer + 0x100, 0, 32);
    if (state) {
        memcpy(footer + 0x100, "vhdmerge", 8);
        put_be32(footer + 0x108, state);
        memset(footer + 0x10c, child, 16);
    }
    vhd_sum(footer, 512, 64);
    piece_file_put(&w.file[i], 0, w.bytes[i], w.build[i].used);
}

static void merging(void)
{
    world_start();
    add_base("\\base.vhd", 1);
    add_child("\\child.vhd", 2, 1, "W2ru", "base.vhd");
    add_child("\\other.vhd", 3, 1, "W2ru", "base.vhd");
    add_child("\\grand.vhd", 4, 2, "W2ru", "child.vhd");
}

TEST(merge_under_way_reads_through_its_child_only)
{
    for (unsigned where = 1; where < 4; where++) { /* the end, the copy, both */
        merging();
        if (where & 1)
            mark(0, true, 1, 2);
        if (where & 2)
            mark(0, false, 1, 2);
        CHECK_EQ(open_path("\\child.vhd"), ERR_OK);
        CHECK(!chain.link[1]->image.read_only);
        CHECK_EQ(chain.link[1]->image.notes.count, 1);
        CHECK(chain_merge_names(&chain, 1, &chain.link[0]->image));
        CHECK_EQ(open_path("\\grand.vhd"), ERR_OK);
        CHECK_EQ(open_path("\\other.vhd"), ERR_UNFINISHED);
        CHECK(says(&f, "\\base.vhd holds a part of what a merge writes into it"));
        CHECK_EQ(open_path("\\base.vhd"), ERR_UNFINISHED);
    }
}

TEST(merge_complete_reads_either_way)
{
    for (unsigned copy = 0; copy < 3; copy++) { /* the copy's state, behind the end's */
        merging();
        mark(0, true, 2, 2);
        mark(0, false, copy, 2);
        CHECK_EQ(open_path("\\child.vhd"), ERR_OK);
        CHECK_EQ(chain.link[1]->image.merge, IMAGE_MERGE_COMPLETE);
        CHECK_EQ(open_path("\\base.vhd"), ERR_OK);
        CHECK_EQ(chain.link[0]->image.notes.count, 1);
        CHECK(!chain.link[0]->image.read_only);
    }
}

TEST(merge_marks_in_the_order_of_writing)
{
    merging(); /* begun again: the copy still says that it was complete */
    mark(0, true, 1, 2);
    mark(0, false, 2, 2);
    CHECK_EQ(open_path("\\base.vhd"), ERR_OK);
    merging(); /* another one begun over what an older one has left */
    mark(0, true, 1, 2);
    mark(0, false, 2, 9);
    CHECK_EQ(open_path("\\base.vhd"), ERR_UNFINISHED);
    CHECK_EQ(open_path("\\child.vhd"), ERR_OK);
    merging(); /* taken away at the end, and not yet at the start */
    mark(0, false, 2, 2);
    CHECK_EQ(open_path("\\base.vhd"), ERR_OK);
    CHECK_EQ(chain.link[0]->image.merge, IMAGE_MERGE_COMPLETE);
    merging(); /* a state that is not known here */
    mark(0, true, 7, 2);
    CHECK_EQ(open_path("\\base.vhd"), ERR_UNFINISHED);
}

TEST(merge_mark_hides_no_other_difference)
{
    merging();
    mark(0, true, 1, 2);
    w.bytes[0][0x18]++;
    mark(0, false, 1, 2);
    CHECK_EQ(open_path("\\child.vhd"), ERR_OK);
    CHECK(chain.link[1]->image.read_only);
}
