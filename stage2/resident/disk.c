/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks the block map and hands each run to the BIOS below. Promises: reads and writes touch only
 * sectors that the map names, a count is never more than what was transferred, and every loop gets
 * shorter. Trusts the map's cells as far as its checks go: they lie in memory that a guest was told
 * to leave alone.
 */
#include "resident/resident.h"
#include <machine/machine.h>

/* Cells of the map, copied down. */
#define WINDOW_CELLS 32u

struct window {
    uint32_t first;
    uint32_t count;
    uint64_t cell[WINDOW_CELLS];
};

static struct window page_window, run_window;

struct request request;

/* INT 15h AH=87h: six descriptors, the third and fourth are ours to fill. */
struct descriptor {
    uint16_t limit;
    uint16_t base_low;
    uint8_t base_mid;
    uint8_t access;
    uint8_t zero;
    uint8_t base_high;
};
static_assert(sizeof(struct descriptor) == 8, "AH=87h descriptor");

#define BLOCK_MOVE_DATA 0x93 /* present, ring 0, writable data */

static struct descriptor block_move[6];

static void descriptor_set(struct descriptor *d, uint32_t base)
{
    d->limit = 0xffff;
    d->base_low = (uint16_t)base;
    d->base_mid = (uint8_t)(base >> 16);
    d->access = BLOCK_MOVE_DATA;
    d->base_high = (uint8_t)(base >> 24);
}

static bool fetch_by_bios(void *to, uint32_t from, uint32_t dwords)
{
    bool protected = machine_protected();

    descriptor_set(block_move + 2, from);
    descriptor_set(block_move + 3, machine_linear(to));
    regs.a.x = 0x8700;
    regs.c.x = dwords * 2;
    regs.si.x = machine_offset(block_move);
    regs.es = machine_segment();
    bool ok = !machine_call(protected ? 0 : header.old_int15);
    if (!protected)
        machine_a20_off(); /* it was off, or the quick way would have been taken */
    return ok;
}

/* Makes `w` hold the cells from `first` (< cell_count) on. */
static bool window_load(struct window *w, uint32_t first)
{
    uint32_t count = header.cell_count - first;
    uint32_t from = header.map_address + first * 8;

    if (count > WINDOW_CELLS)
        count = WINDOW_CELLS;
    w->count = 0;
    if ((machine_protected() || !machine_copy_high(w->cell, from, count * 2)) &&
        !fetch_by_bios(w->cell, from, count * 2))
        return false;
    w->first = first;
    w->count = count;
    return true;
}

/* The run that holds request.lba; start, within and end count the sectors of its page. It stays
 * from call to call: most reads go on where the last one ended. Empty (end 0) where nothing is
 * known. */
static struct {
    uint64_t cell;
    uint32_t page, start, within, end;
} run;

/* Finds the run of a SPLIT page that holds sector run.within: the last whose first is not above. */
static uint8_t split_find(void)
{
    struct window *w = &run_window;
    uint32_t low = (uint32_t)map_cell_lba(run.cell);
    uint32_t count = map_cell_first(run.cell) + 1;
    uint32_t high = low + count;
    bool near = true;

    if (high > header.cell_count || low >= high)
        return STATUS_UNDEFINED;

    /* The answer is in [low, high), which shrinks every turn. Fragments are often of like size:
     * the first guess goes where the run would be then, the second next to it. */
    uint32_t guess = low + (run.within * count >> header.page_shift);
    for (;;) {
        uint32_t from = w->first > low ? w->first : low;
        uint32_t to = w->first + w->count;
        if (to > high)
            to = high;
        if (from < to) {
            const uint64_t *cell = w->cell - w->first;
            if (map_cell_first(cell[from]) > run.within) {
                run.end = map_cell_first(cell[from]);
                high = from;
                guess = high - WINDOW_CELLS / 2;
            } else if (to < high && map_cell_first(cell[to - 1]) <= run.within) {
                low = to - 1;
                guess = low + WINDOW_CELLS / 2;
            } else {
                while (to - from > 1) {
                    uint32_t middle = (from + to) >> 1;
                    if (map_cell_first(cell[middle]) <= run.within) {
                        from = middle;
                    } else {
                        to = middle;
                        run.end = map_cell_first(cell[middle]);
                    }
                }
                run.cell = cell[from];
                run.start = map_cell_first(run.cell);
                return STATUS_OK;
            }
            if (!near)
                guess = (low + high) >> 1;
            near = false;
        }
        if (low >= high)
            return STATUS_UNDEFINED;
        from = guess - WINDOW_CELLS / 2;
        if ((int32_t)(from + WINDOW_CELLS - high) > 0)
            from = high - WINDOW_CELLS;
        if ((int32_t)(from - low) < 0)
            from = low;
        if (!window_load(w, from))
            return STATUS_CONTROLLER;
    }
}

static uint8_t run_find(void)
{
    struct window *w = &page_window;
    /* Disks end long before 2^44 sectors, where this would lose bits. */
    uint32_t page =
        (uint32_t)(request.lba >> MAP_PAGE_SHIFT) >> (header.page_shift - MAP_PAGE_SHIFT);
    uint32_t page_sectors = 1u << header.page_shift;
    uint8_t status = STATUS_OK;

    run.within = (uint32_t)request.lba & (page_sectors - 1);
    if (page == run.page && run.within >= run.start && run.within < run.end)
        return STATUS_OK;
    if (page >= header.page_count)
        return STATUS_UNDEFINED;
    if (page - w->first >= w->count && !window_load(w, page & ~(WINDOW_CELLS - 1)))
        return STATUS_CONTROLLER;

    run.cell = w->cell[page - w->first];
    run.page = page;
    run.start = 0;
    run.end = page_sectors;
    if (map_cell_kind(run.cell) == MAP_SPLIT)
        status = split_find();
    if (status)
        run.end = 0;
    return status;
}

/* EDD disk address packet. */
static struct {
    uint8_t size, zero;
    uint16_t count, offset, segment;
    uint64_t lba;
} dap;

/* The BIOS wants buffers that do not cross 64 KiB: it said so once. */
static bool split_64k;

/* What one call of the BIOS is to do: dap.lba says where on the drive. */
static struct {
    uint8_t drive; /* index in the map */
    uint8_t count;
    uint32_t buffer;
} piece;

static uint8_t drive_call(void)
{
    unsigned d = piece.drive;

    regs.a.x = request.write ? 0x0300 : 0x0200;
    regs.d.x = header.drive[d];
    regs.es = far_segment(piece.buffer);
    regs.b.x = far_offset(piece.buffer);
    regs.ds = machine_segment();
    if (header.drive_edd[d]) {
        dap.size = sizeof(dap);
        dap.count = piece.count;
        dap.offset = regs.b.w;
        dap.segment = regs.es;
        regs.si.x = machine_offset(&dap);
        regs.a.h |= 0x40;
    } else {
        uint32_t track = (uint32_t)dap.lba / header.drive_spt[d];
        uint32_t cylinder = track / header.drive_heads[d];
        if (cylinder > 1023)
            return STATUS_PARAMETER;
        regs.c.h = (uint8_t)cylinder;
        regs.c.l = (uint8_t)((cylinder >> 8 << 6) | ((uint32_t)dap.lba % header.drive_spt[d] + 1));
        regs.d.h = (uint8_t)(track % header.drive_heads[d]);
        regs.a.l = piece.count;
    }
    if (!machine_call(le32_get(header.old_int13)))
        return STATUS_OK;
    return regs.a.h ? regs.a.h : STATUS_UNDEFINED;
}

/* As drive_call, but up to three times where it fails. The reset comes only before the last: some
 * drives always fail the first access after one. */
static uint8_t drive_retry(void)
{
    for (unsigned tries = 3;;) { /* ends: tries shrinks */
        uint8_t status = drive_call();
        if (status <= STATUS_WRITE_PROTECTED || status == STATUS_BOUNDARY || !--tries)
            return status;
        if (tries == 1) {
            regs.a.x = 0;
            regs.d.x = header.drive[piece.drive];
            machine_call(le32_get(header.old_int13));
        }
    }
}

static void piece_limit(uint32_t sectors)
{
    if (piece.count > sectors)
        piece.count = (uint8_t)sectors;
}

/* Sectors of 512 bytes from the piece's buffer to the next 64 KiB border. */
static uint32_t border_sectors(void)
{
    return (0x10000 - (piece.buffer & 0xffff)) >> 9;
}

/*
 * Transfers up to *count sectors of map drive piece.drive by one call of the BIOS, and sets *count
 * to how many they were. In virtual-8086 mode the caller's buffer may lie elsewhere than its
 * address says, and a BIOS that uses DMA would write to the wrong memory and report success: there
 * everything goes through the bounce buffer, in conventional memory that no memory manager remaps.
 */
static uint8_t drive_transfer(void)
{
    bool bounced = false;

    dap.lba = map_cell_lba(run.cell) + (run.within - run.start);
    piece.buffer = request.buffer;
    piece_limit(header.bios_sectors_max);
    if (!header.drive_edd[piece.drive]) {
        if (dap.lba >> 32)
            return STATUS_PARAMETER;
        piece_limit(header.drive_spt[piece.drive] -
                    (uint32_t)dap.lba % header.drive_spt[piece.drive]);
    }
    if (machine_protected() || (split_64k && !border_sectors())) {
        bounced = true;
        piece.buffer = machine_linear(bounce);
        piece_limit(RESIDENT_BOUNCE);
    }
    if (split_64k)
        piece_limit(border_sectors());

    if (bounced && request.write)
        machine_copy(piece.buffer, request.buffer, piece.count << 9);
    uint8_t status = drive_retry();
    if (status == STATUS_BOUNDARY && !split_64k && piece.count > border_sectors()) {
        split_64k = true;
        piece.count = 0;
        return STATUS_OK; /* and the loop comes again */
    }
    if (bounced && !request.write && !status)
        machine_copy(request.buffer, piece.buffer, piece.count << 9);
    return status;
}

/* Transfers up to piece.count sectors of the run. */
static uint8_t run_transfer(void)
{
    uint32_t cell = (uint32_t)run.cell;
    uint32_t kind = cell & MAP_KIND_MASK;

    piece.drive = map_cell_drive(cell);
    if (kind > MAP_DIRECT || piece.drive >= header.drive_count)
        return STATUS_UNDEFINED;
    if (request.write && (cell & (MAP_KIND_MASK | MAP_WRITABLE)) != (MAP_DIRECT | MAP_WRITABLE))
        return STATUS_WRITE_PROTECTED;
    if (kind == MAP_DIRECT)
        return drive_transfer();
    machine_zero(request.buffer, piece.count << 9);
    return STATUS_OK;
}

uint8_t disk_transfer(void)
{
    /* Ends: a piece is at least one sector, but for one refusal per boot (split_64k). */
    while (request.count) {
        uint8_t status = run_find();
        if (status)
            return status;
        piece.count = 127; /* as many as a normalised address reaches */
        piece_limit(run.end - run.within);
        piece_limit(request.count);
        status = run_transfer();
        if (status)
            return status;
        request.lba += piece.count;
        request.buffer += piece.count << 9;
        request.count -= piece.count;
    }
    return STATUS_OK;
}
