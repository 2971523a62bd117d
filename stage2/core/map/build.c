/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cuts the disk's runs into pages, in one pass over the disk: the page cells are allocated first,
 * the runs of SPLIT pages and the records of MIXED ones grow behind them. Time is linear in pages
 * and runs.
 */
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/base/errors.h"
#include "core/base/image.h"
#include "core/base/mem.h"
#include "core/chain/chain.h"
#include "core/map/format.h"
#include "core/map/map.h"
#include "core/map/ram.h"
#include "core/map/room.h"
#include "core/map/source.h"

/* Pages get larger where their cells would pass this. */
#define MAP_PAGES_BYTES_MAX   ((uint64_t)16 << 20)
/* What free records may take: in a differencing disk each has a bitmap. */
#define MAP_RECORDS_BYTES_MAX (16u << 20)
#define BITMAP_BITS           4096u /* in a sector */
/* 64 KiB: a guest's scattered small writes use up little more memory than they have bytes. */
#define MAP_MEMORY_PAGE_SHIFT 7
#define MAP_GROW_CELLS        8192u

struct map_builder {
    struct map *map;
    struct arena *arena;
    uint64_t room;       /* cells that are allocated */
    uint64_t cells;      /* cells that are used, or would be if there were memory */
    uint64_t last;       /* the cell that was appended last */
    uint64_t page_first; /* index of the current page's first run */

    /* The disk's pages, then those of the leaf's file. */
    uint64_t page;    /* the current one's cell */
    uint64_t at;      /* the next run's first sector of the disk or file */
    uint64_t sectors; /* of the disk or file */
};

static uint32_t page_sectors(const struct map *map)
{
    return 1u << map->page_shift;
}

static uint64_t pages_of(uint64_t sectors, unsigned page_shift)
{
    return round_up_shift(sectors, page_shift) >> page_shift;
}

/* Appends a cell, or only counts it once memory has run out: the failure then tells how much it
 * takes. */
static void builder_cell(struct map_builder *b, uint64_t cell)
{
    if (b->cells == b->room) {
        /* The arena hands out from the bottom up, so this piece follows the last one. */
        uint64_t *more = arena_array(b->arena, MAP_GROW_CELLS, sizeof *more);
        if (more == b->map->cell + b->room)
            b->room += MAP_GROW_CELLS;
    }
    if (b->cells < b->room)
        b->map->cell[b->cells] = cell;
    b->cells++;
    b->last = cell;
}

/* Does `run` go on where the last run of this page ends? `at` is its first sector in the page. */
static bool builder_joins(const struct map_builder *b, const struct map_run *run, uint32_t at)
{
    if (b->cells == b->page_first)
        return false;
    uint64_t same = map_cell(run->kind, run->drive, 0, 0) | (run->writable ? MAP_WRITABLE : 0);
    uint64_t mask = MAP_KIND_MASK | MAP_WRITABLE | MAP_DRIVE_MASK << MAP_DRIVE_SHIFT;
    if ((b->last & mask) != same)
        return false;
    return run->kind != MAP_DIRECT ||
           map_cell_lba(b->last) + (at - map_cell_first(b->last)) == run->drive_lba;
}

/* The current page is complete: one run becomes its cell, more stay and the cell points to them. */
static void builder_page_end(struct map_builder *b)
{
    uint64_t runs = b->cells - b->page_first;
    b->map->cell[b->page++] =
        runs == 1 ? b->last : map_cell(MAP_SPLIT, 0, (uint32_t)runs - 1, b->page_first);
    if (runs == 1)
        b->cells--;
    b->page_first = b->cells;
}

/* Appends the next run, page by page. */
static void builder_run(struct map_builder *b, struct map_run run)
{
    b->map->writable |= run.writable;
    while (run.count) { /* ends: every round takes at least one sector off run.count */
        uint32_t at = (uint32_t)b->at & (page_sectors(b->map) - 1);
        uint64_t left = page_sectors(b->map) - at;
        uint64_t n = run.count < left ? run.count : left;
        if (!builder_joins(b, &run, at))
            builder_cell(
                b, map_cell(run.kind, run.drive, at, run.kind == MAP_DIRECT ? run.drive_lba : 0) |
                       (run.writable ? MAP_WRITABLE : 0));
        b->at += n;
        if (n == left || b->at == b->sectors)
            builder_page_end(b);
        run.count -= n;
        run.drive_lba += n;
    }
}

/* Appends the disk's runs up to sector `end`. */
static enum err fill_runs(struct map_builder *b, struct map_source *source, uint64_t end,
                          struct fail *f)
{
    while (b->at < end) { /* ends: every run has at least one sector */
        struct map_run run;
        enum err err = map_source_next(source, b->at, &run, f);
        if (err)
            return err;
        if (run.count > end - b->at)
            run.count = end - b->at;
        builder_run(b, run);
    }
    return ERR_OK;
}

/* A new record behind all cells; returns the index of its first. */
static uint64_t builder_record(struct map_builder *b, uint64_t base, uint64_t own,
                               const uint8_t *bitmap)
{
    uint64_t record = b->cells;
    builder_cell(b, base);
    builder_cell(b, own | MAP_WRITABLE);
    for (uint32_t i = MAP_RECORD_BITMAP; i < b->map->record_cells; i++) {
        uint64_t bits = 0;
        if (bitmap)
            memcpy(&bits, bitmap + (size_t)(i - MAP_RECORD_BITMAP) * sizeof bits, sizeof bits);
        builder_cell(b, bits);
    }
    b->page_first = b->cells;
    return record;
}

/* The disk of a differencing leaf that grows: a page a block. What the leaf has of a block only in
 * part becomes a MIXED page over the parents'. */
static enum err fill_differencing(struct map_builder *b, struct map_source *source, struct fail *f)
{
    struct map *map = b->map;
    struct image *leaf = &source->chain->link[0]->image;
    for (uint32_t block = 0; block < map->file_page; block++) {
        uint64_t end = (uint64_t)(block + 1) << map->page_shift;
        struct image_block found;
        enum err err = leaf->block(leaf, block, &found, f);
        if (err)
            return err;
        source->first = found.full || found.zero ? 0 : 1;
        err = fill_runs(b, source, end < map->sectors ? end : map->sectors, f);
        if (err)
            return err;
        if (found.zero && map_cell_kind(map->cell[block]) == MAP_ZERO)
            map->cell[block] = MAP_ZERO_OWN;
        if (!found.present || found.full)
            continue;
        uint64_t record =
            builder_record(b, map->cell[block], map_cell(MAP_FILE, 0, 0, found.data), found.bitmap);
        map->cell[block] = map_cell(MAP_MIXED, 0, 0, record) | MAP_WRITABLE;
        map->writable = true;
    }
    return ERR_OK;
}

/* The pages of the leaf's file. */
static enum err fill_file(struct map_builder *b, struct map_source *source, struct fail *f)
{
    b->at = 0;
    b->sectors = b->map->file_sectors;
    b->page = b->map->file_page;
    source->first = 0;
    while (b->at < b->sectors) { /* ends: every run has at least one sector */
        struct map_run run = {.count = b->sectors - b->at};
        enum err err = map_source_place(source, 0, b->at, &run, f);
        if (err)
            return err;
        run.writable = true;
        builder_run(b, run);
    }
    return ERR_OK;
}

/* Where the bitmaps of a differencing VHDX's pages lie. */
static enum err fill_bitmaps(struct map_builder *b, struct map_source *source,
                             const struct map_writes *writes, struct fail *f)
{
    struct image *leaf = &source->chain->link[0]->image;
    unsigned shift = b->map->page_shift;
    if (!writes->slack.chunks || b->map->growth != MAP_GROWS_DIFFERENCING)
        return ERR_OK;
    b->map->bitmap_cell = (uint32_t)b->cells;
    for (uint32_t page = 0; page < b->map->file_page; page++) {
        uint64_t lba = (uint64_t)page << shift;
        uint32_t in = (uint32_t)lba & ((1u << MAP_CHUNK_SHIFT) - 1), sector;
        enum err err = leaf->bitmap(leaf, (uint32_t)(lba >> MAP_CHUNK_SHIFT), &sector, f);
        if (err)
            return err;
        uint32_t end = sector + (in >> 3 >> SECTOR_SHIFT) + b->map->bitmap_sectors;
        builder_cell(b, map_cell(MAP_FILE, 0, 0, sector ? end : 0));
    }
    b->page_first = b->cells;
    return ERR_OK;
}

/* Does the first write to a page of a disk that grows in its file take a record? */
static bool page_takes_record(const struct map *map, uint32_t page)
{
    const uint64_t *run = &map->cell[page];
    uint32_t last = 0;
    if (map->growth == MAP_GROWS_DYNAMIC)
        return map_cell_kind(*run) == MAP_ZERO;
    if (map_cell_kind(*run) == MAP_SPLIT) {
        last = map_cell_first(*run);
        run = map->cell + map_cell_lba(*run);
    }
    for (uint32_t i = 0; i <= last; i++) {
        if (!(run[i] & MAP_WRITABLE))
            return true;
    }
    return false;
}

/* The free records: a slot of the slack each, as many as can be used, or a page of memory. */
static void fill_records(struct map_builder *b, const struct map_writes *writes)
{
    struct map *map = b->map;
    bool memory = map->growth == MAP_GROWS_IN_MEMORY;
    for (uint32_t page = 0; !memory && page < map->file_page; page++)
        map->absent += page_takes_record(map, page);
    size_t room = arena_left(b->arena) / 2;
    uint32_t most = room < MAP_RECORDS_BYTES_MAX ? (uint32_t)room : MAP_RECORDS_BYTES_MAX;
    most = (most >> 3) / map->record_cells;
    uint64_t count = memory ? map_room_pages(map, writes, b->cells, b->arena) : writes->slack.count;
    if (!memory && count > map->absent)
        count = map->absent;

    map->record_first = (uint32_t)b->cells;
    for (uint64_t i = 0; i < count && i < most; i++) {
        uint64_t slot = writes->slack.first + i * writes->slack.stride;
        bool clean = i >= writes->slack.unsure && slot << SECTOR_SHIFT >= writes->slack.zero_from;
        uint64_t own = memory ? map_cell(MAP_RAM, 0, 0, 0)
                              : map_cell(MAP_FILE, 0, 0, slot + writes->slack.bitmap_sectors);
        builder_record(b, 0, memory || !clean ? own | MAP_OWN_DIRTY : own, NULL);
    }
    map->record_end = (uint32_t)b->cells;
    /* What is read into memory is written there, free records or none. */
    map->writable |=
        map->record_end != map->record_first || (writes->contents && map_ram_bytes(map));
}

static enum err map_fill(struct map_builder *b, struct map_source *source,
                         const struct map_writes *writes, struct fail *f)
{
    struct map *map = b->map;
    enum err err = map->growth == MAP_GROWS_DIFFERENCING ? fill_differencing(b, source, f)
                                                         : fill_runs(b, source, map->sectors, f);
    if (!err && map->page_count > map->file_page)
        err = fill_file(b, source, f);
    if (!err)
        err = fill_bitmaps(b, source, writes, f);
    if (err)
        return err;
    if (map->growth != MAP_GROWS_NOT && b->cells <= b->room)
        fill_records(b, writes);
    if (b->cells > b->room)
        return fail(f, ERR_MEMORY, "the block map takes %u bytes of memory", b->cells << 3);
    if (b->cells > UINT32_MAX)
        return fail(f, ERR_LIMIT, "the block map has %u entries, more than it can", b->cells);
    map->cell_count = (uint32_t)b->cells;
    return ERR_OK;
}

/* Chooses the page's size, and with it how many there are. */
static enum err choose_pages(struct map *map, const struct map_writes *writes,
                             const struct chain *chain, struct fail *f)
{
    if (map->growth == MAP_GROWS_DYNAMIC || map->growth == MAP_GROWS_DIFFERENCING) {
        map->page_shift = log2_u32(writes->slack.block_sectors);
        map->bat_sector = writes->slack.bat_sector;
        map->record_cells = MAP_RECORD_BITMAP;
        map->vhdx = chain->link[0]->image.format == IMAGE_VHDX;
        map->bitmap_sectors = writes->slack.bitmap_sectors;
        if (map->vhdx) /* of 1 MiB two share one */
            map->bitmap_sectors = (page_sectors(map) + BITMAP_BITS - 1) / BITMAP_BITS;
        if (map->growth == MAP_GROWS_DIFFERENCING)
            map->record_cells +=
                map->vhdx ? page_sectors(map) / 64 : map->bitmap_sectors * (BITMAP_BITS / 64);
        map->file_page = (uint32_t)pages_of(map->sectors, map->page_shift);
        map->file_sectors = chain->link[0]->file.size >> SECTOR_SHIFT;
        map->page_count = map->file_page + (uint32_t)pages_of(map->file_sectors, map->page_shift);
        return ERR_OK;
    }
    map->page_shift = map->growth == MAP_GROWS_IN_MEMORY ? MAP_MEMORY_PAGE_SHIFT : MAP_PAGE_SHIFT;
    while (map->page_shift < MAP_PAGE_SHIFT_MAX &&
           pages_of(map->sectors, map->page_shift) << 3 > MAP_PAGES_BYTES_MAX)
        map->page_shift++;
    map->record_cells = MAP_RECORD_BITMAP + (page_sectors(map) + 63) / 64;
    uint64_t pages = pages_of(map->sectors, map->page_shift);
    if (pages > MAP_PAGES_BYTES_MAX >> 3)
        return fail(f, ERR_LIMIT, "the disk has %u sectors: more than 64 TiB", map->sectors);
    map->page_count = map->file_page = (uint32_t)pages;
    return ERR_OK;
}

enum err map_build(struct map *map, const struct chain *chain, const struct map_writes *writes,
                   struct arena *a, struct fail *f)
{
    *map = (struct map){.sectors = chain->link[0]->image.sectors, .growth = writes->growth};
    for (unsigned i = 0; i < chain->count; i++) {
        if (chain->link[i]->drive_index >= MAP_DRIVES_MAX)
            return fail(f, ERR_LIMIT, "the images lie on more than %u drives", MAP_DRIVES_MAX);
    }
    enum err err = choose_pages(map, writes, chain, f);
    if (err)
        return err;

    struct map_source *source = arena_alloc(a, sizeof *source);
    if (!source)
        return fail(f, ERR_MEMORY, "no memory for the block map", 0);
    source->chain = chain;
    source->writable = writes->in_place;

    size_t mark = arena_mark(a);
    uint64_t room = round_up_shift(map->page_count, 1); /* the arena aligns to two cells */
    map->cell = arena_array(a, room, sizeof map->cell[0]);
    if (!map->cell)
        return fail(f, ERR_MEMORY, "the block map takes %u bytes of memory at the least",
                    (uint64_t)map->page_count << 3);
    struct map_builder b = {.map = map,
                            .arena = a,
                            .room = room,
                            .cells = map->page_count,
                            .page_first = map->page_count,
                            .sectors = map->sectors};
    err = map_fill(&b, source, writes, f);
    if (!err) /* what the last piece has too much goes back */
        arena_release(a, mark + (size_t)round_up_shift(b.cells << 3, 4));
    return err;
}

uint64_t map_growth_bytes(const struct chain *chain, uint32_t block_sectors)
{
    unsigned shift = log2_u32(block_sectors);
    return (pages_of(chain->link[0]->image.sectors, shift) +
            pages_of(chain->link[0]->file.size >> SECTOR_SHIFT, shift))
           << 3;
}

uint32_t map_records(const struct map *map)
{
    return map->growth == MAP_GROWS_NOT ? 0
                                        : (map->record_end - map->record_first) / map->record_cells;
}

uint64_t map_memory_bytes(const struct map *map)
{
    return map->growth == MAP_GROWS_IN_MEMORY
               ? (uint64_t)map_records(map) << map->page_shift << SECTOR_SHIFT
               : 0;
}

void map_memory_place(struct map *map, uint64_t address)
{
    uint64_t sector = address >> SECTOR_SHIFT;
    if (map->growth != MAP_GROWS_IN_MEMORY)
        return; /* the records name sectors of the file */
    for (uint32_t at = map->record_first; at < map->record_end; at += map->record_cells) {
        map->cell[at + MAP_RECORD_OWN] =
            map_cell(MAP_RAM, 0, 0, sector) | MAP_WRITABLE | MAP_OWN_DIRTY;
        sector += page_sectors(map);
    }
}

void map_join(struct map *map)
{
    uint32_t size = page_sectors(map);
    if (map->growth != MAP_GROWS_NOT)
        return; /* a page's cell changes with the first write to it */
    for (uint32_t page = map->file_page; page-- > 1;) {
        uint64_t *cell = &map->cell[page - 1];
        uint64_t next = map->cell[page];
        if (map_cell_kind(*cell) != MAP_DIRECT || (uint8_t)*cell != (uint8_t)next ||
            map_cell_lba(*cell) + size != map_cell_lba(next))
            continue;
        uint64_t more = map_cell_first(next);
        more += more < MAP_JOINED_MAX;
        *cell |= more << MAP_FIRST_SHIFT;
    }
}
