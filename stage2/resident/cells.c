/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block map in extended memory: copies its cells down, a few at a time, writes changed ones
 * back, and finds what holds a sector. Trusts cells as far as its checks go: they lie in memory
 * that a guest was told to leave alone. Never reads or writes a cell beyond cell_count.
 */
#include "resident/resident.h"
#include <machine/machine.h>

#define WINDOW_CELLS 16u
#define WINDOW_BACK  6u /* so many of them before the one that was asked for */

/* Cells, copied down. */
struct window {
    uint32_t first, count;
    uint64_t cell[WINDOW_CELLS];
};

static struct window window[2];
static struct window *window_used = window; /* the one that was used last stays */

IN_LOW struct run run;

_Noreturn void map_broken(void)
{
    machine_throw(STATUS_UNDEFINED);
}

void cells_forget(void)
{
    run.left = 0;
    window[0].count = window[1].count = 0;
}

uint32_t cell_address(uint32_t index)
{
    return header.map_address + index * 8;
}

static const uint64_t *cell_pointer(uint32_t index)
{
    struct window *w = window_used;

    if (index >= header.cell_count)
        map_broken();
    if (index - w->first >= w->count) {
        w = w == window ? window + 1 : window;
        if (index - w->first >= w->count) {
            w->count = 0;
            w->first = index < WINDOW_BACK ? 0 : index - WINDOW_BACK;
            uint32_t count = header.cell_count - w->first;
            if (count > WINDOW_CELLS)
                count = WINDOW_CELLS;
            machine_copy_high(machine_linear(w->cell), cell_address(w->first), count * 2);
            w->count = count;
        }
        window_used = w;
    }
    return w->cell + (index - w->first);
}

uint64_t cell_at(uint32_t index)
{
    return *cell_pointer(index);
}

void cell_put(uint32_t index, uint64_t cell)
{
    static uint64_t put;

    put = cell;
    machine_copy_high(cell_address(index), machine_linear(&put), 2);
}

/* What follows narrows these down: the cell that holds sector `within` of it, and how many sectors
 * from there on are the same cell's. */
static struct {
    uint64_t cell;
    uint32_t within, left;
} found;

static void left_limit(uint32_t sectors)
{
    if (found.left > sectors)
        found.left = sectors;
}

static bool bit_at(uint32_t record, uint32_t within)
{
    return machine_bit(cell_pointer(record + MAP_RECORD_BITMAP + (within >> 6)), within & 63);
}

/* Finds whether a MIXED page's own sectors are meant, or what it stands on. */
static void mixed_find(void)
{
    uint32_t record = (uint32_t)map_cell_lba(found.cell);
    uint32_t n = found.within;
    uint32_t end;
    bool bit = bit_at(record, n);

    left_limit(piece.count);
    end = n + found.left;
    /* Ends where the bits change, and at the end of a sector of them: what is written is made known
     * by writing one. */
    do
        n++;
    while (n < end && n % MAP_BITMAP_BITS && bit_at(record, n) == bit);
    left_limit(n - found.within);
    if (piece.write && !bit)
        run.record = record;
    found.cell = cell_at(record + (piece.write | bit));
}

/* Finds the run of a SPLIT page: the last whose first sector is not above. */
static void split_find(void)
{
    uint32_t low = (uint32_t)map_cell_lba(found.cell);
    uint32_t count = map_cell_first(found.cell) + 1;
    uint32_t high = low + count;
    int32_t ahead = (int32_t)found.within; /* of the run at `guess` */
    uint32_t guess = low;
    uint32_t turns = 0;

    /* Ends: [low, high), where the answer is, shrinks every turn. Fragments are often of like size,
     * so the first guesses go where the run would be then. */
    while (high - low > 1) {
        guess += (uint32_t)((int32_t)(ahead * count) >> header.page_shift);
        if (++turns > 5)
            guess = (low + high) >> 1;
        if ((int32_t)(guess - low) <= 0)
            guess = low + 1;
        if ((int32_t)(guess - high) >= 0)
            guess = high - 1;
        ahead = (int32_t)(found.within - map_cell_first(cell_at(guess)));
        if (ahead >= 0) {
            low = guess++;
        } else {
            left_limit((uint32_t)-ahead);
            high = guess;
        }
    }
    found.cell = cell_at(low);
    found.within -= map_cell_first(found.cell);
    if ((int32_t)found.within < 0)
        map_broken();
}

/* Goes from found.cell, of any kind, to what it stands for in the end. */
static void found_resolve(void)
{
    uint32_t size = 1u << header.page_shift;

    run.left = 0;
    run.record = 0;
    if (map_cell_kind(found.cell) == MAP_MIXED)
        mixed_find();
    if (map_cell_kind(found.cell) == MAP_FILE) {
        uint32_t sector = (uint32_t)map_cell_lba(found.cell) + found.within;
        found.within = sector & (size - 1);
        left_limit(size - found.within);
        found.cell = cell_at(header.file_page + (sector >> header.page_shift));
    }
    if (map_cell_kind(found.cell) == MAP_SPLIT)
        split_find();
    run.cell = (uint32_t)found.cell;
    run.lba = map_cell_lba(found.cell) + found.within;
    piece.lba = run.lba;
    piece_limit(found.left);
}

void file_find(uint32_t sector)
{
    found.cell = map_cell(MAP_FILE, 0, 0, sector);
    found.within = 0;
    found_resolve();
    if (!(run.cell & MAP_WRITABLE))
        map_broken();
}

void run_find(uint32_t page, uint32_t within)
{
    uint32_t key = page << 1 | piece.write;
    uint32_t skip = within - run.start;

    if (key == run.key && skip < run.left) {
        piece.lba = run.lba + skip;
        piece_limit(run.left - skip);
        return;
    }
    found.cell = cell_at(page);
    found.within = within;
    found.left = (1u << header.page_shift) - within;
    found_resolve();
    run.key = key;
    run.start = within;
    run.left = found.left;
}
