/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block map in extended memory: reads its cells where they lie, or, where that cannot be,
 * copies them down, a few at a time; writes changed ones back, and finds what holds a sector.
 * Trusts cells as far as its checks go: they lie in memory that a guest was told to leave alone.
 * Never reads or writes a cell beyond cell_count.
 */
#include "resident/cells.h"
#include "resident/face.h"
#include "core/map/format.h"
#include "resident/request.h"
#include "resident/resident.h"
#include <machine/machine.h>

#define WINDOW_CELLS 8u

/* Cells, copied down: so many from a multiple of that on. */
static struct {
    uint32_t end; /* the cell behind them; 0: there are none */
    uint64_t cell[WINDOW_CELLS];
} window;

IN_LOW struct resident_run run;
uint32_t run_own;

_Noreturn void map_broken(void)
{
    machine_throw(STATUS_UNDEFINED);
}

__attribute__((noinline)) void cells_forget(void)
{
    run.left = 0;
    window.end = 0;
}

uint32_t cell_address(uint32_t index)
{
    return header.map_address + index * 8;
}

/* A cell by way of the window, which may go beyond the last cell.
 * Not inlined: the registers that it takes would make the quick way slow. */
__attribute__((noinline)) static uint64_t window_cell(uint32_t index)
{
    uint32_t first = index - index % WINDOW_CELLS;

    if (window.end != first + WINDOW_CELLS) {
        window.end = 0;
        machine_copy_high(machine_linear(window.cell), cell_address(first), WINDOW_CELLS * 2);
        window.end = first + WINDOW_CELLS;
    }
    return window.cell[index % WINDOW_CELLS];
}

/* Of a cell that exists. */
static inline __attribute__((always_inline)) uint64_t cell_get(uint32_t index)
{
    return machine_opened ? machine_peek(cell_address(index)) : window_cell(index);
}

uint64_t cell_at(uint32_t index)
{
    if (index >= header.cell_count)
        map_broken();
    return cell_get(index);
}

__attribute__((noinline)) void cell_put(uint32_t index, uint64_t cell)
{
    *(uint64_t *)bounce = cell; /* nothing else is on its way there */
    machine_copy_high(cell_address(index), bounce_linear(), 2);
}

/* What follows narrows these down: the place in what the cell stands for, and how many sectors from
 * there on are the same cell's. */
static struct {
    uint32_t within, left;
} found;

static void left_limit(uint32_t sectors)
{
    if (found.left > sectors)
        found.left = sectors;
}

/* 32 bits of a record's bitmap: those of sector `within` and of its neighbours; of the lowest one
 * first. The bits are in the order of the file's. */
static uint32_t bits_at(uint32_t record, uint32_t within)
{
    uint64_t cell = cell_at(record + MAP_RECORD_BITMAP + (within >> 6));
    uint32_t bits = (uint32_t)(within & 32 ? cell >> 32 : cell);

    return FACE_MSB_FIRST ? __builtin_bswap32(bits) : bits;
}

/* What is left of such bits from sector n on, and how many sectors come before the first 1. */
static inline uint32_t bits_from(uint32_t bits, uint32_t n)
{
    return FACE_MSB_FIRST ? bits << (n & 31) : bits >> (n & 31);
}

static inline uint32_t bits_before(uint32_t bits)
{
    return (uint32_t)(FACE_MSB_FIRST ? __builtin_clz(bits) : __builtin_ctz(bits));
}

/* A MIXED page: are its own sectors meant, or what it stands on? Returns the cell. */
static uint64_t mixed_find(uint32_t record)
{
    uint32_t n = found.within;
    uint32_t bits = bits_at(record, n);
    uint32_t own = FACE_MSB_FIRST ? bits << (n & 31) >> 31 : bits >> (n & 31) & 1;

    left_limit(piece.packet.count);
    /* Ends where the bits change, and at the end of a sector of them: what is written is made known
     * by writing one. */
    for (;;) {
        uint32_t other = bits_from(bits ^ -own, n);
        if (other) {
            n += bits_before(other);
            break;
        }
        n = (n | 31) + 1;
        if (n - found.within >= found.left || !(n % MAP_BITMAP_BITS))
            break;
        bits = bits_at(record, n);
    }
    left_limit(n - found.within);
    if (piece.write && !own)
        run.record = record;
    return cell_at(record + (piece.write | own));
}

/* A SPLIT page: the last run whose first sector is not above. Returns its cell. */
static uint64_t split_find(uint32_t low, uint32_t count)
{
    uint32_t high = low + count;
    uint32_t next = 0xffffffff; /* where the run at `high` starts */

    if (high > header.cell_count || low >= high)
        map_broken();
    /* Ends: [low, high), where the answer is, shrinks every turn. */
    while (high - low > 1) {
        uint32_t middle = (low + high) >> 1;
        uint32_t first = map_cell_first(cell_get(middle));
        if (first <= found.within) {
            low = middle;
        } else {
            high = middle;
            next = first;
        }
    }
    left_limit(next - found.within);
    uint64_t cell = cell_at(low);
    found.within -= map_cell_first(cell);
    if ((int32_t)found.within < 0)
        map_broken();
    return cell;
}

/* Goes from a cell of any kind to what it stands for in the end. In real mode cells are read where
 * they lie, between machine_open() and machine_close(), and nothing else happens there. */
static void found_resolve(uint64_t cell)
{
    run.left = 0;
    run.record = 0;
    if (map_cell_kind(cell) == MAP_MIXED) {
        cell = mixed_find((uint32_t)map_cell_lba(cell));
        run_own = (uint32_t)map_cell_lba(cell);
    }
    if (map_cell_kind(cell) == MAP_FILE) {
        uint32_t sector = (uint32_t)map_cell_lba(cell) + found.within;
        found.within = sector & header.page_last;
        left_limit(header.page_last + 1 - found.within);
        cell = cell_at(header.file_page + (sector >> header.page_shift));
    }
    if (map_cell_kind(cell) == MAP_SPLIT)
        cell = split_find((uint32_t)map_cell_lba(cell), map_cell_first(cell) + 1);
    machine_close();
    run.cell = (uint32_t)cell;
    run.lba = map_cell_lba(cell) + found.within;
}

void file_find(uint32_t sector)
{
    found.within = sector;
    found.left = piece.packet.count;
    machine_open();
    found_resolve(MAP_FILE); /* the file, from its first sector on */
    if (!(run.cell & MAP_WRITABLE))
        map_broken();
    piece.packet.lba = run.lba;
    piece_limit(found.left);
}

/* `run` from the map: as far back as its cell, or the page, goes, too. */
static void run_make(void)
{
    uint32_t within = request_within();

    found.within = within;
    found.left = header.page_last + 1 - within;
    machine_open();
    uint64_t cell = cell_at(request_page());
    if (map_cell_kind(cell) == MAP_DIRECT)
        found.left += map_cell_first(cell) << header.page_shift;
    found_resolve(cell);
    run.write = RUN_BOTH;
    if (within > found.within)
        within = found.within;
    if (map_cell_kind(cell) == MAP_MIXED) { /* what is before may be in its other home */
        run.write = piece.write;
        within = 0;
    }
    run.disk_lba = request.packet.lba - within;
    run.lba -= within;
    run.left = found.left + within;
}

void run_find(void)
{
    if (request.packet.lba - run.disk_lba >= run.left || (run.write ^ piece.write) == 1)
        run_make();
    uint32_t skip = (uint32_t)request.packet.lba - (uint32_t)run.disk_lba;
    piece.packet.lba = run.lba + skip;
    piece_limit(run.left - skip);
}
