/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The block map: pages, runs, chains of images, limits of memory and of the drive. */
#include "core/chain/chain.h"
#include "core/base/bounds.h"
#include "core/map/map.h"
#include "unit/fakes.h"

#define PAGE ((uint64_t)1 << MAP_PAGE_SHIFT)

/* An image that says what the test lists. */
struct fake_image {
    struct chain_link link;
    struct image_run run[64];
    unsigned calls;
};

static enum err fake_run(struct image *image, uint64_t lba, struct image_run *run, struct fail *f)
{
    struct fake_image *fake = image->ctx;
    fake->calls++;
    uint64_t at = 0;
    for (unsigned i = 0; i < 64 && fake->run[i].count; i++) {
        if (lba - at < fake->run[i].count) {
            *run = fake->run[i];
            run->count -= lba - at;
            run->file_sector += lba - at;
            return ERR_OK;
        }
        at += fake->run[i].count;
    }
    return fail(f, ERR_IMAGE, "sector %u is in no run", lba);
}

static struct fake_image fakes[CHAIN_MAX];
static struct chain chain;
static struct map map;
static struct map_run one; /* of map_one_run */
static struct fail f;
static uint8_t memory[1 << 20];
static struct arena arena;
static struct extent extents[CHAIN_MAX][5000];

/* Adds an image of `sectors` in one extent at `lba` of drive `drive`. */
static struct fake_image *add_image(uint64_t sectors, unsigned drive, uint64_t lba)
{
    struct fake_image *fake = &fakes[chain.count];
    struct extent *e = extents[chain.count];
    *fake = (struct fake_image){.run = {{IMAGE_DATA, sectors, 0, true}}};
    fake->link.drive_index = (uint8_t)drive;
    e[0] = (struct extent){0, lba, sectors + 1000};
    fake->link.extents = (struct extent_list){e, 1};
    fake->link.file =
        (struct file){.size = (sectors + 1000) * 512, .initialized = (sectors + 1000) * 512};
    snprintf(fake->link.file.path, sizeof fake->link.file.path, "\\%u.vhd", chain.count);
    fake->link.image =
        (struct image){.file = &fake->link.file, .sectors = sectors, .ctx = fake, .run = fake_run};
    chain.link[chain.count++] = &fake->link;
    return fake;
}

static struct fake_image *one_image(uint64_t sectors, uint64_t lba)
{
    chain.count = 0;
    return add_image(sectors, 0, lba);
}

static enum err build(bool writable)
{
    arena_init(&arena, memory, sizeof memory);
    memset(&f, 0, sizeof f);
    return map_build(&map, &chain, &(struct map_writes){.in_place = writable}, &arena, &f);
}

/* Every sector's place by map_find, compared with `expect` (MAP_ZERO: UINT64_MAX). */
static void check_all(uint64_t (*expect)(uint64_t lba))
{
    for (uint64_t lba = 0; lba < map.sectors;) {
        struct map_run run = map_find(&map, lba);
        CHECK(run.count > 0 && run.count <= map.sectors - lba);
        for (uint64_t i = 0; i < run.count; i++)
            CHECK_EQ(run.kind == MAP_ZERO ? UINT64_MAX : run.drive_lba + i, expect(lba + i));
        lba += run.count;
    }
}

TEST(map_of_one_extent_is_contiguous)
{
    one_image(3 * PAGE + 5, 1000);
    CHECK_EQ(build(true), ERR_OK);
    CHECK_EQ(map.page_shift, MAP_PAGE_SHIFT);
    CHECK_EQ(map.page_count, 4);
    CHECK_EQ(map.cell_count, 4);
    CHECK_EQ(map_bytes(&map), 32);
    CHECK(map_one_run(&map, &one) && map.writable);
    struct map_run run = map_find(&map, PAGE - 1);
    CHECK_EQ(run.kind, MAP_DIRECT);
    CHECK_EQ(run.count, 1);
    CHECK_EQ(run.drive_lba, 1000 + PAGE - 1);
    CHECK(run.writable);
    run = map_find(&map, 3 * PAGE);
    CHECK_EQ(run.count, 5);
    run = map_find_long(&map, 1);
    CHECK_EQ(run.count, 3 * PAGE + 4);
    CHECK_EQ(run.drive_lba, 1001);
}

TEST(map_join_counts_the_pages_that_go_on)
{
    one_image(5 * PAGE + 5, 0);
    extents[0][0] = (struct extent){0, 1000, 3 * PAGE};
    extents[0][1] = (struct extent){3 * PAGE, 50 * PAGE, 4 * PAGE};
    fakes[0].link.extents.count = 2;
    CHECK_EQ(build(true), ERR_OK);
    map_join(&map);
    static const uint32_t more[] = {2, 1, 0, 2, 1, 0};
    for (unsigned page = 0; page < 6; page++)
        CHECK_EQ(map_cell_first(map.cell[page]), more[page]);
    CHECK_EQ(map_find(&map, 5).count, PAGE - 5);
    CHECK_EQ(map_find_long(&map, 5).count, 3 * PAGE - 5);

    CHECK_EQ(build(true), ERR_OK);
    map.growth = MAP_GROWS_IN_MEMORY;
    map_join(&map);
    CHECK_EQ(map_cell_first(map.cell[0]), 0);
}

TEST(map_join_stops_at_what_32_bits_can_tell)
{
    static uint64_t cells[70000];
    struct map m = {.cell = cells, .file_page = 70000, .page_shift = 0};
    for (uint32_t i = 0; i < m.file_page; i++)
        cells[i] = map_cell(MAP_DIRECT, 1, 0, 77 + i);
    map_join(&m);
    CHECK_EQ(map_cell_first(cells[69990]), 9);
    CHECK_EQ(map_cell_first(cells[100]), MAP_JOINED_MAX);
    CHECK_EQ(map_cell_first(cells[0]), MAP_JOINED_MAX);
}

TEST(map_gives_back_what_it_did_not_need)
{
    one_image(3 * PAGE, 0);
    extents[0][0].count = 7;
    extents[0][1] = (struct extent){7, 99999, 4 * PAGE};
    fakes[0].link.extents.count = 2;
    CHECK_EQ(build(true), ERR_OK);
    CHECK_EQ(map.cell_count, 5);
    size_t used = arena_mark(&arena);
    CHECK(used < 8192);
    uint8_t *next = arena_alloc(&arena, 16);
    CHECK(next >= (uint8_t *)(map.cell + map.cell_count));
}

static uint64_t scattered(uint64_t lba)
{
    return lba % 7 == 6 ? UINT64_MAX : 100000 + lba / 7 * 20 + lba % 7;
}

TEST(map_of_many_fragments)
{
    one_image(2 * PAGE + 100, 0);
    uint32_t n = 0;
    for (uint64_t s = 0; s < 2 * PAGE + 1000; s += 7) { /* six sectors, a hole of one */
        extents[0][n++] = (struct extent){s, 100000 + s / 7 * 20, 6};
        extents[0][n++] = (struct extent){s + 6, EXTENT_HOLE, 1};
    }
    fakes[0].link.extents.count = n;
    CHECK_EQ(build(false), ERR_OK);
    CHECK(!map_one_run(&map, &one) && !map.writable);
    CHECK_EQ(map.page_count, 3);
    CHECK_EQ(map_cell_kind(map.cell[0]), MAP_SPLIT);
    check_all(scattered);
}

TEST(map_joins_what_touches)
{
    one_image(PAGE, 0);
    for (uint32_t i = 0; i < 4; i++)
        extents[0][i] = (struct extent){i * 2000, 500 + i * 2000, 2000};
    fakes[0].link.extents.count = 4;
    CHECK_EQ(build(true), ERR_OK);
    CHECK_EQ(map.cell_count, 1);
    CHECK(map_one_run(&map, &one));
}

TEST(map_worst_page_has_a_run_a_sector)
{
    one_image(PAGE, 0);
    for (uint32_t i = 0; i < PAGE; i++)
        extents[0][i] = (struct extent){i, 2 * i, 1};
    fakes[0].link.extents.count = PAGE;
    CHECK_EQ(build(true), ERR_OK);
    CHECK_EQ(map.cell_count, PAGE + 1);
    for (uint32_t i = 0; i < PAGE; i++) {
        struct map_run run = map_find(&map, i);
        CHECK_EQ(run.count, 1);
        CHECK_EQ(run.drive_lba, 2 * i);
    }
}

/* Leaf: pages 0 and 2 of three, and zeros in the middle of page 1; middle: page 1's second half;
 * base: all. */
static uint64_t layered(uint64_t lba)
{
    if (lba / PAGE != 1)
        return 1000000 + lba;
    if (lba - PAGE >= 10 && lba - PAGE < 20)
        return UINT64_MAX;
    return (lba - PAGE >= PAGE / 2 ? 2000000 : 3000000) + lba;
}

TEST(map_flattens_a_chain)
{
    struct fake_image *leaf = one_image(3 * PAGE, 1000000);
    leaf->run[0] = (struct image_run){IMAGE_DATA, PAGE, 0, true};
    leaf->run[1] = (struct image_run){IMAGE_ABSENT, 10, 0, false};
    leaf->run[2] = (struct image_run){IMAGE_ZERO, 10, 0, false};
    leaf->run[3] = (struct image_run){IMAGE_ABSENT, PAGE - 20, 0, false};
    leaf->run[4] = (struct image_run){IMAGE_DATA, PAGE, 2 * PAGE, true};
    struct fake_image *middle = add_image(3 * PAGE, 1, 2000000);
    middle->run[0] = (struct image_run){IMAGE_ABSENT, PAGE + PAGE / 2, 0, false};
    middle->run[1] = (struct image_run){IMAGE_DATA, PAGE + PAGE / 2, PAGE + PAGE / 2, true};
    add_image(3 * PAGE, 2, 3000000);
    CHECK_EQ(build(true), ERR_OK);
    check_all(layered);
    CHECK(map_find(&map, 0).writable && !map_find(&map, PAGE).writable); /* never a parent */
    CHECK_EQ(map_find(&map, PAGE).drive, 2);
    CHECK_EQ(map_find(&map, 2 * PAGE - 1).drive, 1);
    CHECK(!map_one_run(&map, &one) && map.writable);
    CHECK(leaf->calls <= 5 && middle->calls <= 3);
}

TEST(map_child_larger_than_parent)
{
    struct fake_image *leaf = one_image(2 * PAGE, 0);
    leaf->run[0] = (struct image_run){IMAGE_ABSENT, 2 * PAGE, 0, false};
    add_image(100, 1, 5000);
    CHECK_EQ(build(true), ERR_OK);
    CHECK_EQ(map_find(&map, 99).drive_lba, 5099);
    CHECK_EQ(map_find(&map, 100).kind, MAP_ZERO);
    CHECK_EQ(map_find_long(&map, 100).count, 2 * PAGE - 100);
}

TEST(map_parent_smaller_than_its_own_parent)
{
    struct fake_image *leaf = one_image(PAGE, 0);
    leaf->run[0] = (struct image_run){IMAGE_ABSENT, PAGE, 0, false};
    add_image(100, 1, 5000)->run[0] = (struct image_run){IMAGE_ABSENT, 100, 0, false};
    add_image(PAGE, 2, 9000);
    CHECK_EQ(build(true), ERR_OK);
    CHECK_EQ(map_find(&map, 99).drive_lba, 9099);
    CHECK_EQ(map_find(&map, 100).kind, MAP_ZERO); /* the middle disk ended there */
}

TEST(map_uninitialised_tail)
{
    one_image(PAGE, 0);
    fakes[0].link.file.initialized = 5120;
    extents[0][0].count = 10;
    extents[0][1] = (struct extent){10, EXTENT_HOLE, PAGE + 990};
    fakes[0].link.extents.count = 2;
    CHECK_EQ(build(false), ERR_OK);
    CHECK_EQ(map_find(&map, 9).kind, MAP_DIRECT);
    CHECK_EQ(map_find(&map, 10).kind, MAP_ZERO);
}

TEST(map_lba_limits)
{
    uint64_t limit = (uint64_t)1 << MAP_LBA_BITS;
    one_image(PAGE, limit - PAGE);
    CHECK_EQ(build(true), ERR_OK);
    CHECK_EQ(map_find(&map, PAGE - 1).drive_lba, limit - 1);
    one_image(PAGE, limit - PAGE + 1);
    CHECK_EQ(build(true), ERR_LIMIT);
    CHECK(says(&f, "\\0.vhd: the file lies at sector 1099511623681 of its drive"));
    one_image(PAGE, limit);
    CHECK_EQ(build(true), ERR_LIMIT);
    one_image(PAGE, ((uint64_t)1 << 32) - 5); /* over the edge of 32 bits */
    CHECK_EQ(build(true), ERR_OK);
    CHECK_EQ(map_find(&map, 5).drive_lba, (uint64_t)1 << 32);
    chain.link[0]->drive_index = 16;
    CHECK_EQ(build(true), ERR_LIMIT);
}

TEST(map_pages_grow_with_the_disk)
{
    static const struct {
        uint64_t sectors;
        unsigned shift;
    } sizes[] = {{(uint64_t)1 << 33, 12}, /* 4 TiB: 2 million pages */
                 {((uint64_t)1 << 33) + 1, 13},
                 {(uint64_t)1 << 37, 16}}; /* 64 TiB */
    static uint8_t large[(16u << 20) + 65536];
    for (unsigned i = 0; i < 3; i++) {
        one_image(sizes[i].sectors, 0)->run[0].state = IMAGE_ABSENT;
        arena_init(&arena, large, sizeof large);
        CHECK_EQ(map_build(&map, &chain, &(struct map_writes){.in_place = true}, &arena, &f),
                 ERR_OK);
        CHECK_EQ(map.page_shift, sizes[i].shift);
        CHECK(map_bytes(&map) <= 16u << 20);
        CHECK_EQ(map_find_long(&map, 1).count, sizes[i].sectors - 1);
    }
    one_image(((uint64_t)1 << 37) + 1, 0)->run[0].state = IMAGE_ABSENT;
    CHECK_EQ(map_build(&map, &chain, &(struct map_writes){.in_place = true}, &arena, &f),
             ERR_LIMIT);
    one_image(UINT64_MAX >> 9, 0)->run[0].state = IMAGE_ABSENT;
    CHECK_EQ(map_build(&map, &chain, &(struct map_writes){.in_place = true}, &arena, &f),
             ERR_LIMIT);
}

TEST(map_says_how_much_memory_it_takes)
{
    one_image(PAGE, 0);
    for (uint32_t i = 0; i < PAGE; i++)
        extents[0][i] = (struct extent){i, 2 * i, 1};
    fakes[0].link.extents.count = PAGE;
    arena_init(&arena, memory, 20000);
    CHECK_EQ(map_build(&map, &chain, &(struct map_writes){.in_place = true}, &arena, &f),
             ERR_MEMORY);
    CHECK(says(&f, "takes 32776 bytes"));
    arena_init(&arena, memory, 100);
    CHECK_EQ(map_build(&map, &chain, &(struct map_writes){.in_place = true}, &arena, &f),
             ERR_MEMORY);
    one_image(100 * PAGE, 0);
    arena_init(&arena, memory, 2500);
    CHECK_EQ(map_build(&map, &chain, &(struct map_writes){.in_place = true}, &arena, &f),
             ERR_MEMORY);
}

TEST(map_refuses_data_beyond_the_file)
{
    one_image(PAGE, 0)->run[0].file_sector = 900;
    extents[0][0].count = PAGE;
    CHECK_EQ(build(true), ERR_IMAGE);
    CHECK(says(&f, "\\0.vhd: sector 4096 of the image is beyond the end of its file"));
}

TEST(map_reads_across_runs)
{
    struct blk drives[2] = {stamped_drive('a'), stamped_drive('b')};
    struct blk *const drive[] = {&drives[0], &drives[1]};
    struct fake_image *leaf = one_image(2 * PAGE, 100);
    leaf->run[0] = (struct image_run){IMAGE_DATA, PAGE - 3, 0, true};
    leaf->run[1] = (struct image_run){IMAGE_ABSENT, 5, 0, false};
    leaf->run[2] = (struct image_run){IMAGE_ZERO, PAGE - 2, 0, false};
    add_image(2 * PAGE, 1, 70000);
    CHECK_EQ(build(false), ERR_OK);

    uint8_t buf[10 * 512];
    CHECK_EQ(map_read(&map, drive, PAGE - 5, 10, buf, &f), ERR_OK);
    for (unsigned i = 0; i < 7; i++) {
        CHECK_EQ(buf[i * 512], i < 2 ? 'a' : 'b');
        CHECK_EQ(stamp_of(buf + i * 512), (i < 2 ? 100u : 70000u) + PAGE - 5 + i);
    }
    for (unsigned i = 7 * 512; i < sizeof buf; i++)
        CHECK_EQ(buf[i], 0);
    CHECK_EQ(map_read(&map, drive, 2 * PAGE - 1, 2, buf, &f), ERR_READ);
    CHECK_EQ(map_read(&map, drive, UINT64_MAX, 1, buf, &f), ERR_READ);
}

/* --- Memory for changes */

#define MEMORY_PAGE 128u /* sectors */

static uint32_t changes(uint64_t sectors, uint64_t asked, uint64_t machine, bool contents)
{
    one_image(sectors, 1000);
    if (contents && chain.link[0]->image.sectors > 4 * MEMORY_PAGE) { /* all but two pages */
        fakes[0].run[0] = (struct image_run){IMAGE_DATA, sectors - 2 * MEMORY_PAGE, 0, true};
        fakes[0].run[1] = (struct image_run){IMAGE_ABSENT, 2 * MEMORY_PAGE, 0, false};
    }
    arena_init(&arena, memory, sizeof memory);
    struct map_writes writes = {
        .growth = MAP_GROWS_IN_MEMORY, .memory = asked, .machine = machine, .contents = contents};
    CHECK_EQ(map_build(&map, &chain, &writes, &arena, &f), ERR_OK);
    CHECK_EQ(map_memory_bytes(&map), (uint64_t)map_records(&map) << 16);
    return map_records(&map);
}

TEST(map_changes_take_no_more_than_the_disk_has_pages)
{
    CHECK_EQ(changes(1000 * MEMORY_PAGE, 1 << 20, 0, false), 16);
    CHECK_EQ(changes(10 * MEMORY_PAGE + 1, 1 << 30, 0, false), 11);
    CHECK_EQ(changes(10 * MEMORY_PAGE, 1 << 20, 128 << 20, false), 10);
}

/* What is stored is in memory and written there: only the rest grows. */
TEST(map_changes_of_a_disk_in_memory)
{
    CHECK_EQ(changes(1000 * MEMORY_PAGE, 32 << 20, 128 << 20, true), 2);
    CHECK_EQ(changes(4 * MEMORY_PAGE, 32 << 20, 128 << 20, true), 0);
    CHECK(map.writable);
    CHECK_EQ(changes(1000 * MEMORY_PAGE, 32 << 20, 63 << 20, true), 2);
    CHECK_EQ(changes(1000 * MEMORY_PAGE, 32 << 20, 62 << 20, true), 0); /* others refuse that */
}

TEST(map_changes_take_what_there_is)
{
    uint32_t pages = changes(100000 * MEMORY_PAGE, (uint64_t)1 << 30, 128 << 20, false);
    CHECK(pages > 90 * 16 && pages < 96 * 16); /* a quarter is the system's */
    CHECK_EQ(changes(100000 * MEMORY_PAGE, 32 << 20, 128 << 20, false), 32 * 16);
    CHECK_EQ(changes(100000 * MEMORY_PAGE, (uint64_t)1 << 50, 1 << 19, false), 0);
    CHECK(!map.writable);
    CHECK(changes(100000 * MEMORY_PAGE, (uint64_t)1 << 50, 4 << 20, false) > 16);
}
