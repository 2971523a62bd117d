/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks up in a map, as the resident handler does it in the guest's machine. */
#include "core/map/map.h"
#include "core/base/bits.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/base/mem.h"

/* A place in a page: what is looked for, and how far the answer holds. */
struct map_place {
    uint64_t cell;
    uint32_t in;  /* the sector of the page, then of the run */
    uint32_t end; /* what the cell says holds up to here */
};

/* A MIXED page: which of its two homes holds, and how far. */
static void find_mixed(const struct map *map, struct map_place *p)
{
    const uint64_t *record = map->cell + map_cell_lba(p->cell);
    const uint8_t *bitmap = (const uint8_t *)(record + MAP_RECORD_BITMAP);
    enum bit_order order = map->vhdx ? BITS_LSB_FIRST : BITS_MSB_FIRST;
    bool own = bit_get(bitmap, p->in, order);
    p->end = p->in + bits_alike(bitmap, p->in, p->end, order);
    p->cell = record[own ? MAP_RECORD_OWN : MAP_RECORD_BASE];
}

/* A SPLIT page: the run that holds p->in. */
static void find_split(const struct map *map, struct map_place *p)
{
    const uint64_t *run = map->cell + map_cell_lba(p->cell);
    uint32_t low = 0; /* run[low] starts at or before `in`, run[high] after it */
    uint32_t high = map_cell_first(p->cell) + 1;
    while (high - low > 1) { /* ends: the interval shrinks every round */
        uint32_t middle = low + (high - low) / 2;
        if (map_cell_first(run[middle]) <= p->in)
            low = middle;
        else
            high = middle;
    }
    if (high <= map_cell_first(p->cell) && map_cell_first(run[high]) < p->end)
        p->end = map_cell_first(run[high]);
    p->cell = run[low];
    p->in -= map_cell_first(p->cell);
    p->end -= map_cell_first(p->cell);
}

/* The run at sector `in` of page `page`, `end` the page's end. */
static struct map_run find_in_page(const struct map *map, uint32_t page, uint32_t in, uint32_t end)
{
    struct map_place p = {map->cell[page], in, end};
    if (map_cell_kind(p.cell) == MAP_MIXED)
        find_mixed(map, &p);
    if (map_cell_kind(p.cell) == MAP_FILE) {
        /* Pages of the file are never FILE themselves: this is one round more. */
        uint64_t sector = map_cell_lba(p.cell) + p.in;
        uint32_t size = 1u << map->page_shift;
        uint32_t left = p.end - p.in;
        in = (uint32_t)sector & (size - 1);
        end = left < size - in ? in + left : size;
        return find_in_page(map, map->file_page + (uint32_t)(sector >> map->page_shift), in, end);
    }
    if (map_cell_kind(p.cell) == MAP_SPLIT)
        find_split(map, &p);

    struct map_run found = {.kind = map_cell_kind(p.cell),
                            .count = p.end - p.in,
                            .drive = map_cell_drive(p.cell),
                            .writable = p.cell & MAP_WRITABLE};
    if (found.kind == MAP_DIRECT)
        found.drive_lba = map_cell_lba(p.cell) + p.in;
    /* A block's bitmap is put right before its first write: it is written where it lies. */
    if (found.kind == MAP_DIRECT && map->growth == MAP_GROWS_DYNAMIC)
        found.writable = true;
    return found;
}

uint64_t map_drive_end(const struct map *map, unsigned drive)
{
    uint64_t end = 0;
    uint32_t size = 1u << map->page_shift;
    for (uint32_t page = 0; page < map->page_count; page++) {
        if (map_cell_kind(map->cell[page]) == MAP_ZERO) /* nearly all of a large disk */
            continue;
        uint64_t left =
            page < map->file_page
                ? map->sectors - ((uint64_t)page << map->page_shift)
                : map->file_sectors - ((uint64_t)(page - map->file_page) << map->page_shift);
        uint32_t sectors = left < size ? (uint32_t)left : size;
        for (uint32_t in = 0; in < sectors;) { /* ends: a run has a sector at least */
            struct map_run run = find_in_page(map, page, in, sectors);
            if (run.kind == MAP_DIRECT && run.drive == drive && run.drive_lba + run.count > end)
                end = run.drive_lba + run.count;
            in += (uint32_t)run.count;
        }
    }
    return end;
}

struct map_run map_find(const struct map *map, uint64_t lba)
{
    uint32_t page = (uint32_t)(lba >> map->page_shift);
    uint64_t start = (uint64_t)page << map->page_shift;
    uint64_t left = map->sectors - start; /* to the end of the page or disk */
    uint32_t size = 1u << map->page_shift;
    return find_in_page(map, page, (uint32_t)(lba - start), left < size ? (uint32_t)left : size);
}

struct map_run map_find_file(const struct map *map, uint64_t sector)
{
    uint32_t size = 1u << map->page_shift;
    uint32_t in = (uint32_t)sector & (size - 1);
    uint64_t left = map->file_sectors - (sector - in);
    return find_in_page(map, map->file_page + (uint32_t)(sector >> map->page_shift), in,
                        left < size ? (uint32_t)left : size);
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

bool map_one_run(const struct map *map, struct map_run *run)
{
    *run = map_find_long(map, 0);
    return map->growth == MAP_GROWS_NOT && run->kind == MAP_DIRECT && run->count == map->sectors;
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
