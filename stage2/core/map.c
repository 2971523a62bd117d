/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cuts the disk's runs into pages, in one pass over the disk: the page cells are allocated first,
 * the runs of SPLIT pages grow behind them. Time is linear in pages and runs.
 */
#include "map.h"
#include "arena.h"
#include "chain.h"
#include "check.h"
#include "map_source.h"
#include "mem.h"

#define MAP_PAGES_BYTES_MAX                                                                        \
    ((uint64_t)16 << 20) /* pages get larger where cells would pass this                           \
                          */
#define MAP_GROW_CELLS 8192u

struct map_builder {
    struct map *map;
    struct arena *arena;
    uint64_t room;        /* cells that are allocated */
    uint64_t cells;       /* cells that are used, or would be if there were memory */
    uint64_t last;        /* the cell that was appended last */
    uint64_t page_first;  /* index of the current page's first run */
    uint64_t page_left;   /* sectors left in the current page */
    struct map_run whole; /* the disk's first run, and whether it is the only one */
    bool one_run;
};

static uint64_t page_sectors(const struct map *map)
{
    return (uint64_t)1 << map->page_shift;
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
static void builder_page_end(struct map_builder *b, uint64_t page)
{
    uint64_t runs = b->cells - b->page_first;
    b->map->cell[page] =
        runs == 1 ? b->last : map_cell(MAP_SPLIT, 0, (uint32_t)runs - 1, b->page_first);
    if (runs == 1)
        b->cells--;
    b->page_first = b->cells;
    b->page_left = page_sectors(b->map);
}

/* Appends one run of the disk, which starts at `lba`, page by page. */
static void builder_run(struct map_builder *b, uint64_t lba, struct map_run run)
{
    struct map *map = b->map;
    if (!lba)
        b->whole = run;
    else if (run.kind != b->whole.kind || run.writable != b->whole.writable ||
             run.drive != b->whole.drive || run.drive_lba != b->whole.drive_lba + lba)
        b->one_run = false;
    map->writable |= run.writable;

    while (run.count) { /* ends: every round takes at least one sector off run.count */
        uint32_t at = (uint32_t)lba & (uint32_t)(page_sectors(map) - 1);
        uint64_t n = run.count < b->page_left ? run.count : b->page_left;
        if (!builder_joins(b, &run, at))
            builder_cell(
                b, map_cell(run.kind, run.drive, at, run.kind == MAP_DIRECT ? run.drive_lba : 0) |
                       (run.writable ? MAP_WRITABLE : 0));
        b->page_left -= n;
        if (!b->page_left || lba + n == map->sectors)
            builder_page_end(b, lba >> map->page_shift);
        lba += n;
        run.count -= n;
        run.drive_lba += n;
    }
}

static enum err map_fill(struct map_builder *b, struct map_source *source, struct fail *f)
{
    struct map *map = b->map;
    for (uint64_t lba = 0; lba < map->sectors;) { /* ends: every run has at least one sector */
        struct map_run run;
        enum err err = map_source_next(source, lba, &run, f);
        if (err)
            return err;
        builder_run(b, lba, run);
        lba += run.count;
    }
    if (b->cells > b->room)
        return fail(f, ERR_MEMORY, "the block map takes %u bytes of memory", b->cells << 3);
    if (b->cells > UINT32_MAX)
        return fail(f, ERR_LIMIT, "the block map has %u entries, more than it can", b->cells);
    map->cell_count = (uint32_t)b->cells;
    map->contiguous = b->one_run && b->whole.kind == MAP_DIRECT;
    return ERR_OK;
}

enum err map_build(struct map *map, const struct chain *chain, bool writable, struct arena *a,
                   struct fail *f)
{
    const struct chain_link *leaf = chain->link[0];
    *map = (struct map){.sectors = leaf->image.sectors, .page_shift = MAP_PAGE_SHIFT};
    if (writable) {
        enum err err = file_writable_in_place(&leaf->file, &leaf->extents, f);
        if (err)
            return err;
    }
    for (unsigned i = 0; i < chain->count; i++) {
        if (chain->link[i]->drive_index >= MAP_DRIVES_MAX)
            return fail(f, ERR_LIMIT, "the images lie on more than %u drives", MAP_DRIVES_MAX);
    }

    while (map->page_shift < MAP_PAGE_SHIFT_MAX && round_up_shift(map->sectors, map->page_shift) >>
                                                       map->page_shift << 3 > MAP_PAGES_BYTES_MAX)
        map->page_shift++;
    uint64_t pages = round_up_shift(map->sectors, map->page_shift) >> map->page_shift;
    if (pages > MAP_PAGES_BYTES_MAX >> 3)
        return fail(f, ERR_LIMIT, "the disk has %u sectors: more than 64 TiB", map->sectors);

    struct map_source *source = arena_alloc(a, sizeof *source);
    if (!source)
        return fail(f, ERR_MEMORY, "no memory for the block map", 0);
    source->chain = chain;
    source->writable = writable;

    size_t mark = arena_mark(a);
    uint64_t room = round_up_shift(pages, 1); /* the arena aligns to two cells */
    map->page_count = (uint32_t)pages;
    map->cell = arena_array(a, room, sizeof map->cell[0]);
    if (!map->cell)
        return fail(f, ERR_MEMORY, "the block map takes %u bytes of memory at the least",
                    pages << 3);
    struct map_builder b = {.map = map,
                            .arena = a,
                            .room = room,
                            .cells = pages,
                            .page_first = pages,
                            .page_left = page_sectors(map),
                            .one_run = true};
    enum err err = map_fill(&b, source, f);
    if (!err) /* what the last piece has too much goes back */
        arena_release(a, mark + (size_t)round_up_shift(b.cells << 3, 4));
    return err;
}

struct map_run map_find(const struct map *map, uint64_t lba)
{
    uint32_t page = (uint32_t)(lba >> map->page_shift);
    uint64_t start = (uint64_t)page << map->page_shift;
    uint32_t in = (uint32_t)(lba - start);
    uint64_t left = map->sectors - start; /* to the end of the page or disk */
    uint32_t end = left < page_sectors(map) ? (uint32_t)left : (uint32_t)page_sectors(map);

    uint64_t cell = map->cell[page];
    if (map_cell_kind(cell) == MAP_SPLIT) {
        const uint64_t *run = map->cell + map_cell_lba(cell);
        uint32_t low = 0; /* run[low] starts at or before `in`, run[high] after it */
        uint32_t high = map_cell_first(cell) + 1;
        while (high - low > 1) { /* ends: the interval shrinks every round */
            uint32_t middle = low + (high - low) / 2;
            if (map_cell_first(run[middle]) <= in)
                low = middle;
            else
                high = middle;
        }
        if (high <= map_cell_first(cell))
            end = map_cell_first(run[high]);
        cell = run[low];
        in -= map_cell_first(cell);
        end -= map_cell_first(cell);
    }

    struct map_run found = {.kind = map_cell_kind(cell),
                            .count = end - in,
                            .drive = map_cell_drive(cell),
                            .writable = cell & MAP_WRITABLE};
    if (found.kind == MAP_DIRECT)
        found.drive_lba = map_cell_lba(cell) + in;
    return found;
}

struct map_run map_find_long(const struct map *map, uint64_t lba)
{
    struct map_run run = map_find(map, lba);
    while (lba + run.count < map->sectors) { /* ends: the run grows every round */
        struct map_run next = map_find(map, lba + run.count);
        if (next.kind != run.kind || next.drive != run.drive || next.writable != run.writable ||
            (run.kind == MAP_DIRECT && next.drive_lba != run.drive_lba + run.count))
            break;
        run.count += next.count;
    }
    return run;
}

uint64_t map_bytes(const struct map *map)
{
    return (uint64_t)map->cell_count << 3;
}

enum err map_read(const struct map *map, struct blk *const *drive, uint64_t lba, uint32_t count,
                  void *buf, struct fail *f)
{
    if (!range_ok(lba, count, map->sectors))
        return fail(f, ERR_READ, "sector %u is beyond the end of the disk", lba);

    uint8_t *to = buf;
    while (count) { /* ends: every round takes at least one sector off count */
        struct map_run run = map_find(map, lba);
        uint32_t n = run.count < count ? (uint32_t)run.count : count;
        if (run.kind == MAP_DIRECT) {
            enum err err = blk_read(drive[run.drive], run.drive_lba, n, to, f);
            if (err)
                return err;
        } else if (run.kind == MAP_ZERO) {
            memset(to, 0, (size_t)n << SECTOR_SHIFT);
        } else {
            return fail(f, ERR_UNSUPPORTED, "sector %u of the disk is kept in memory", lba);
        }
        to += (size_t)n << SECTOR_SHIFT;
        lba += n;
        count -= n;
    }
    return ERR_OK;
}
