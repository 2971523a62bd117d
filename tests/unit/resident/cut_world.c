/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The world of the power-cut proofs: images in memory, compiled by core's own map_build(), are
 * written at random by the handler; each sector that its BIOS writes is kept, and every prefix of
 * that list is judged as what a power cut leaves: core's reader must open it, and each sector of
 * the disk must be what it was or what was being written. Then the handler goes on from one of the
 * cuts. What depends on the images' format is told by who includes this: the functions declared
 * below. Long because images, handler and judge share one state.
 */
#include "machine/caller.h"
#include "core/base/arena.h"
#include "core/base/note.h"
#include "core/chain/chain.h"
#include "core/map/map.h"

#define DEPTH_MAX    4
#define SECTORS_MAX  66000u
#define LEAF_ROOM    (40u << 20)
#define PARENT_ROOM  (20u << 20)
#define LEAF_PLACE   1000u /* on the drive */
#define PARENT_PLACE 100000u
#define PARENT_SPACE 45000u
#define REQUESTS     12u

/* 32-bit programs under a sanitizer are slow, and the code is the same. */
#define SESSIONS     (sizeof(void *) == 8 ? 3u : 1u)

/* What lies in front of the footer, and in the slack before it. */
enum note {
    NOTE_NONE,
    NOTE_GOOD,       /* true; but before each session another program leaves what it leaves */
    NOTE_OF_PART,    /* true, and junk below its range */
    NOTE_OTHER_FILE, /* the others lie: all of it is junk */
    NOTE_OTHER_PLACE,
    NOTE_HALF,
    NOTE_KINDS,
};

static struct shape {
    unsigned depth; /* 0: dynamic; else parents */
    uint32_t block; /* sectors */
    uint32_t blocks, slots;
    bool junk;
    enum note note;
    unsigned dealt; /* not 0: the leaf's blocks are dealt by chance, from this number on */
} shape;

static uint8_t leaf[LEAF_ROOM], cut[LEAF_ROOM];
static uint8_t parent[DEPTH_MAX - 1][PARENT_ROOM];
static uint32_t leaf_sectors;
static uint8_t memory[8 << 20];
static struct arena arena;
static struct fail f;
static struct chain chain;
static struct chain_link link[DEPTH_MAX];
static struct map map;
static struct image_slack slack;
static struct extent extent[DEPTH_MAX][8000];
static uint32_t file_place[LEAF_ROOM / 512]; /* of the leaf: on the drive */
static uint32_t place_sector[DRIVE_SECTORS]; /* and back, plus 1 */

/* What each sector is: 0 zeros, else a number that content() makes bytes of. */
static uint32_t want[SECTORS_MAX], ground[SECTORS_MAX];
static uint32_t version;
static uint64_t cuts;

static struct {
    uint32_t lba, count, version;
    uint32_t end; /* writes when it was done */
} request_log[REQUESTS];

/* Images, want[] and ground[], leaf_sectors. */
static void images_make(void);

static enum err image_open(struct image *image, struct file *file, struct arena *a,
                           struct fail *f_);

/* What other programs leave in the slack between two sessions. */
static void leftovers_make(void);

/* In cut[]: is the sector, found for a dynamic disk, one that readers of bitmaps find as well? */
static void bits_judge(uint32_t lba, const uint8_t *data);

/* Which block do sectors of the file belong to, after the write of `sector`? blocks: none. *data:
 * it is of the block's data, else of its bitmap. */
static uint32_t block_of(uint32_t sector, bool *data);

/* Bytes of a BAT entry, and the block that it is of; or one that there is not. */
static uint32_t entry_size(void);
static uint32_t entry_block(uint32_t index);

static uint32_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(random_state >> 4) * limit >> 28);
}

static void content(uint8_t *data, uint32_t lba, uint32_t is)
{
    uint32_t word = is * 0x9e3779b1u ^ lba;
    memset(data, 0, 512);
    for (unsigned i = 0; i < 512 && is; i += 4) {
        word = word * 1664525u + 1013904223u;
        memcpy(data + i, &word, 4);
    }
}

static bool is_content(const uint8_t *data, uint32_t lba, uint32_t is)
{
    uint8_t right[512];
    content(right, lba, is);
    return !memcmp(data, right, 512);
}

/* --- Files */

static enum err memory_read(struct file *file, uint64_t off, void *buf, uint32_t len,
                            struct fail *fail_)
{
    (void)fail_;
    memcpy(buf, (uint8_t *)file->ctx + off, len);
    return ERR_OK;
}

static void file_init(struct file *file, uint8_t *bytes, uint64_t size)
{
    *file = (struct file){.size = size, .initialized = size, .ctx = bytes, .read = memory_read};
    strcpy(file->path, "\\disk.vhd");
}

static uint32_t sector_count(void)
{
    return shape.block * shape.blocks - 5;
}

/* --- The drive */

static const uint8_t *drive_original(uint32_t lba)
{
    static const uint8_t zeros[512];
    if (place_sector[lba])
        return leaf + (size_t)(place_sector[lba] - 1) * 512;
    if (lba < PARENT_PLACE)
        return zeros;
    uint32_t n = (lba - PARENT_PLACE) / PARENT_SPACE, at = (lba - PARENT_PLACE) % PARENT_SPACE;
    return n + 1 < chain.count && at < PARENT_ROOM / 512 ? parent[n] + (size_t)at * 512 : zeros;
}

/* The leaf in pieces, in reverse order, of about 1/50 of it. */
static void leaf_place(void)
{
    uint32_t piece_size = leaf_sectors / 50 + 3, pieces = leaf_sectors / piece_size + 1;
    memset(place_sector, 0, sizeof(place_sector));
    link[0].extents = (struct extent_list){extent[0], 0};
    for (uint32_t n = 0; n < pieces; n++) {
        uint32_t at = n * piece_size, count = piece_size;
        if (count > leaf_sectors - at)
            count = leaf_sectors - at;
        if (!count)
            break;
        uint32_t place = LEAF_PLACE + (pieces - n) * (piece_size + 1);
        CHECK(place + count <= PARENT_PLACE);
        extent[0][link[0].extents.count++] = (struct extent){at, place, count};
        for (uint32_t i = 0; i < count; i++) {
            file_place[at + i] = place + i;
            place_sector[place + i] = at + i + 1;
        }
    }
}

/* --- The handler on it, as stage2 starts it */

static void open_all(void)
{
    arena_init(&arena, memory, sizeof(memory));
    file_init(&link[0].file, leaf, leaf_sectors * (uint64_t)512);
    for (unsigned n = 0; n < chain.count; n++) {
        chain.link[n] = &link[n];
        CHECK_EQ(image_open(&link[n].image, &link[n].file, &arena, &f), ERR_OK);
    }
    CHECK_EQ(link[0].image.slack(&link[0].image, &slack, &f), ERR_OK);
    struct map_writes writes = {.in_place = true, .slack = slack};
    writes.growth = shape.depth ? MAP_GROWS_DIFFERENCING : MAP_GROWS_DYNAMIC;
    CHECK_EQ(map_build(&map, &chain, &writes, &arena, &f), ERR_OK);
}

static void handler_start(void)
{
    sim_start();
    sim.original = drive_original;
    CHECK(map.cell_count <= MAP_CELLS);
    memcpy(sim.cells, map.cell, map.cell_count * 8);
    header.page_count = map.page_count;
    header.cell_count = map.cell_count;
    header.sectors = map.sectors;
    header.file_page = map.file_page;
    sim_page_shift(map.page_shift);
    header.growth = (uint8_t)map.growth;
    sim_records(map.record_cells);
    header.record_next = map.record_first;
    header.record_end = map.record_end;
    header.bat_sector = map.bat_sector;
    header.bitmap_sectors = (uint8_t)map.bitmap_sectors;
    header.bitmap_cell = map.bitmap_cell;
}

/* Mostly where something is to happen: at borders of blocks and of bitmap sectors. */
static void write_random(unsigned n)
{
    uint8_t data[512];
    uint32_t count = 1 + random_below(random_below(3) ? 12 : 100);
    uint32_t lba = random_below(sector_count() - count + 1);
    if (!random_below(3))
        lba = random_below(shape.blocks) * shape.block + random_below(2) * 4096;
    lba -= lba > 5 ? random_below(5) : 0;
    if (lba + count > sector_count())
        lba = sector_count() - count;
    version++;
    for (uint32_t i = 0; i < count; i++) {
        content(data, lba + i, version);
        memcpy(sim.memory + BUFFER + i * 512, data, 512);
    }
    uint8_t status = edd_call(0x4300, lba, (uint16_t)count, BUFFER);
    CHECK(status == 0 || status == STATUS_FAULT);
    request_log[n].lba = lba;
    request_log[n].count = status ? packet_count() : count;
    request_log[n].version = version;
    request_log[n].end = sim.writes;
}

static void read_back(void)
{
    for (uint32_t lba = 0, count = 100; lba < sector_count(); lba += count) {
        if (count > sector_count() - lba)
            count = sector_count() - lba;
        CHECK_EQ(edd_call(0x4200, lba, (uint16_t)count, BUFFER), 0);
        for (uint32_t i = 0; i < count; i++)
            CHECK(is_content(sim.memory + BUFFER + i * 512, lba + i, want[lba + i]));
    }
}

/* --- The judge */

static struct image judged;
static struct file judged_file;
static uint8_t judge_memory[1 << 20];
static struct arena judge_arena;

/* A sector as core's reader finds it in cut[]; NULL: the parents'. */
static const uint8_t *sector_find(uint32_t lba)
{
    static const uint8_t zeros[512];
    struct image_run r;
    CHECK_EQ(judged.run(&judged, lba, &r, &f), ERR_OK);
    if (r.state == IMAGE_DATA)
        return cut + r.file_sector * 512;
    return shape.depth && r.state == IMAGE_ABSENT ? NULL : zeros;
}

/* The sector is right if it is `old` or `new`. */
static void sector_judge(uint32_t lba, uint32_t old, uint32_t new)
{
    const uint8_t *data = sector_find(lba);
    if (!data) {
        CHECK(ground[lba] == old || ground[lba] == new);
        return;
    }
    CHECK(is_content(data, lba, old) || is_content(data, lba, new));
    if (!shape.depth)
        bits_judge(lba, data);
}

static void range_judge(uint32_t lba, uint32_t count, unsigned r)
{
    for (uint32_t end = lba + count; lba < end && lba < sector_count(); lba++) {
        bool touched = lba - request_log[r].lba < request_log[r].count;
        sector_judge(lba, want[lba], touched ? request_log[r].version : want[lba]);
    }
}

/* A sector of bits that was `old` became `new`, by request r: only bits of its blocks may differ,
 * whatever the others are. `block`: the first that the sector tells about. */
static void shared_bits_judge(uint32_t block, const uint8_t *old, const uint8_t *new, unsigned r)
{
    uint32_t first = request_log[r].lba / shape.block;
    uint32_t last = (request_log[r].lba + request_log[r].count - 1) / shape.block;
    for (uint32_t i = 0; i < 512; i++, block += i == header.bits_shared / 8)
        CHECK(old[i] == new[i] || (block >= first && block <= last));
}

/* Writes [1, last] of the session, one by one; leaves leaf[] as it is after `stop` of them. What a
 * write may change is looked at after it, and everything now and then. */
static void prefixes_judge(uint32_t last, uint32_t stop)
{
    unsigned r = 0;
    memcpy(cut, leaf, (size_t)leaf_sectors * 512);
    for (uint32_t n = 1; n <= last; n++) {
        while (n > request_log[r].end) {
            for (uint32_t i = 0; i < request_log[r].count; i++)
                want[request_log[r].lba + i] = request_log[r].version;
            r++;
        }
        CHECK(place_sector[sim_write[n].lba]); /* nothing but the leaf is ever written */
        uint32_t sector = place_sector[sim_write[n].lba] - 1;
        uint8_t before[512];
        memcpy(before, cut + (size_t)sector * 512, 512);
        memcpy(cut + (size_t)sector * 512, sim_write[n].data, 512);
        if (n == stop)
            memcpy(leaf, cut, (size_t)leaf_sectors * 512);

        bool is_bat = sector - slack.bat_sector < (shape.blocks * entry_size() + 511) / 512;
        bool data = false;
        uint32_t block = block_of(sector, &data);
        CHECK(is_bat || block < shape.blocks || sector >= slack.first);
        if (n == 1 || n % 16 == 0 || is_bat || (block < shape.blocks && !data)) {
            arena_init(&judge_arena, judge_memory, sizeof(judge_memory));
            file_init(&judged_file, cut, leaf_sectors * (uint64_t)512);
            CHECK_EQ(image_open(&judged, &judged_file, &judge_arena, &f), ERR_OK);
        }
        cuts++;
        range_judge(request_log[r].lba, request_log[r].count, r);
        if (is_bat) {
            for (uint32_t i = 0, size = entry_size(); i < 512 / size; i++) {
                uint32_t changed = entry_block((sector - slack.bat_sector) * (512 / size) + i);
                if (memcmp(before + i * size, sim_write[n].data + i * size, size))
                    range_judge(changed * shape.block, shape.block, r);
            }
        } else if (block < shape.blocks && !data) {
            if (header.bits_shared)
                shared_bits_judge(block, before, sim_write[n].data, r);
            range_judge(block * shape.block, header.bits_shared ? 2 * shape.block : shape.block, r);
        }
        if (n == last || n % 1000 == 0)
            range_judge(0, sector_count(), r);
    }
}

static void shape_run(void)
{
    random_state = shape.block * 31 + shape.depth * 7 + shape.junk + shape.dealt * 1000;
    version = 0;
    memset(want, 0, sizeof(want));
    memset(ground, 0, sizeof(ground));
    chain.count = shape.depth + 1;
    images_make();
    leaf_place();
    for (unsigned session = 0; session < SESSIONS; session++) {
        static uint32_t before[SECTORS_MAX];
        open_all();
        CHECK_EQ(slack.noted, shape.note == NOTE_GOOD || shape.note == NOTE_OF_PART);
        leftovers_make();
        handler_start();
        sim.v86 = session & 1;
        header.bounce_sectors = session == 1 ? 1 : BOUNCE_SECTORS;
        memcpy(before, want, sizeof(want));
        if (!session)
            read_back();
        for (unsigned n = 0; n < REQUESTS; n++)
            write_random(n);
        for (unsigned n = 0; n < REQUESTS; n++)
            for (uint32_t i = 0; i < request_log[n].count; i++)
                want[request_log[n].lba + i] = request_log[n].version;
        read_back();
        memcpy(want, before, sizeof(want));

        uint32_t last = sim.writes, stop = 1 + random_below(last);
        CHECK(last);
        prefixes_judge(last, stop);

        /* Go on from the cut: what the request under way has reached is what it is. */
        memcpy(cut, leaf, (size_t)leaf_sectors * 512);
        memcpy(want, before, sizeof(want));
        arena_init(&judge_arena, judge_memory, sizeof(judge_memory));
        file_init(&judged_file, cut, leaf_sectors * (uint64_t)512);
        CHECK_EQ(image_open(&judged, &judged_file, &judge_arena, &f), ERR_OK);
        for (unsigned n = 0; n < REQUESTS; n++)
            for (uint32_t lba = request_log[n].lba, i = 0; i < request_log[n].count; i++, lba++) {
                const uint8_t *data = sector_find(lba);
                if (data && is_content(data, lba, request_log[n].version))
                    want[lba] = request_log[n].version;
            }
    }
}
