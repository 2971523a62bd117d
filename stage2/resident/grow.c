/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first write to a page that has no sectors of its own. Promises, wherever power fails: the
 * image is sound, and each of its sectors holds what it held or what was being written. What of it
 * depends on the image's format is in tables_vhd.h and tables_vhdx.h; the handler is built once
 * with each.
 */
#include "resident/grow.h"
#include <stdbool.h>
#include "core/map/format.h"
#include "resident/cells.h"
#include "resident/face.h"
#include "resident/resident.h"
#include "resident/transfer.h"
#ifdef RESIDENT_VHDX
#include "resident/tables_vhdx.h"
#else
#include "resident/tables_vhd.h"
#endif
#include <machine/machine.h>

/* Of the sectors that the sector of the request's bits tells about, so many lie in front of the
 * page's: they are another page's. */
static inline uint32_t others_before(void)
{
    return FACE_SHARED_BITS ? (uint32_t)request.packet.lba & header.bits_shared : 0;
}

void bits_set(uint32_t record, uint32_t within, uint32_t count)
{
    uint32_t others = others_before();
    within += others;
    uint32_t sector = within / MAP_BITMAP_BITS;
    /* As if the others' bits were in front of the record's. Records are longer than these: it is
     * one's alone. */
    uint32_t bits = cell_address(record + MAP_RECORD_BITMAP - others / 64) + (sector << 9);
    uint32_t other = bounce_bits ^ bits;
    uint32_t low = bounce_linear();

    if (other && FACE_SHARED_BITS && header.bits_shared) /* the others' are as the drive has them */
        file_transfer(bitmap_end(run_own) - 1, false);
    else if (other)
        machine_copy_high(low, bits, header.bits_dwords);
    within %= MAP_BITMAP_BITS;
    uint32_t first = within >> 5 << 2; /* byte of the first dword that changes */
    while (count) {                    /* ends: every round takes at least one off count */
        uint32_t done = 1;
        if (count >= 8 && !(within & 7)) {
            bounce[within >> 3] = 0xff;
            done = 8;
        } else {
            machine_bit_set(bounce, within ^ (FACE_MSB_FIRST ? 0 : 7));
        }
        within += done;
        count -= done;
    }
    if (!FACE_MEMORY || header.growth == MAP_GROWS_DIFFERENCING)
        file_transfer(bitmap_end(run_own) - header.bitmap_sectors + sector, true);
    machine_copy_high(bits + first, low + first, (within + 31 - (first << 3)) >> 5);
    bounce_bits = bits;
    cells_forget();
}

/* Zeros over whatever a block's slot held before. */
static void scrub(uint32_t sector)
{
    uint32_t left = header.page_last + 1;

    /* Ends: a piece is at least one sector, but for one that fails while there are larger ones. */
    while (left) {
        piece.packet.count = header.bounce_sectors;
        piece_limit(left);
        file_piece(sector, false);
        uint32_t dwords = piece.packet.count * 128u;
        if (!machine_all_zero(bounce, dwords)) {
            __builtin_memset(bounce, 0, dwords * 4);
            file_piece(sector, true);
        }
        sector += piece.packet.count;
        left -= piece.packet.count;
    }
}

/* All bits of a block, first to last; `data` is where its data start. */
static void bitmap_fill(uint32_t data, uint8_t fill)
{
    uint32_t end = bitmap_end(data);

    if (FACE_SHARED_BITS && header.bits_shared)
        file_transfer(end - 1, false);
    if (FACE_SHARED_BITS)
        __builtin_memset(bounce + others_before() / 8, 0, header.bits_dwords * 4u);
    else
        __builtin_memset(bounce, fill, 512);
    for (uint32_t i = header.bitmap_sectors; i; i--)
        file_transfer(end - i, true);
}

void page_grow(uint32_t page)
{
    uint32_t old = (uint32_t)cell_at(page);
    uint32_t record = header.record_next;
    uint32_t data; /* first of the block's, behind its bitmap */
    enum map_kind kind = MAP_FILE;
    bool in_file = !FACE_MEMORY || header.growth != MAP_GROWS_IN_MEMORY;
    bool dynamic = header.growth == MAP_GROWS_DYNAMIC;
    bool absent = !dynamic || map_cell_kind(old) == MAP_ZERO;

    if (!header.growth || map_cell_kind(old) >= MAP_MIXED ||
        (absent ? record >= header.record_end : !FACE_DYNAMIC_BITMAPS))
        machine_throw(STATUS_FAULT);
    if (absent) {
        uint64_t own = cell_at(record + MAP_RECORD_OWN);
        bool dirty = (uint32_t)own & MAP_OWN_DIRTY;
        data = (uint32_t)map_cell_lba(own);
        dynamic |= block_is_own(old, dirty);
        if (dynamic && dirty)
            scrub(data);
        /* Whatever fails, a slot that is not linked gets nothing but zeros: the next start may have
         * been told that it holds none but those. */
        if (in_file && !dynamic)
            bitmap_fill(data, 0);
        /* Taken even if what follows fails: nobody knows then what the drive holds. */
        header.record_next = record + header.record_cells;
        if (in_file)
            block_link(page, data, dynamic);
    } else {
        data = block_data(page);
    }
    if (!dynamic) {
        cell_put(record + MAP_RECORD_BASE, cell_at(page));
        kind = MAP_MIXED;
        data = record;
    } else if (FACE_DYNAMIC_BITMAPS) {
        bitmap_fill(data, 0xff);
    }
    uint32_t low = data << MAP_LBA_SHIFT | kind | MAP_WRITABLE;
    cell_put(page, low | (uint64_t)(data >> (32 - MAP_LBA_SHIFT)) << 32);
    cells_forget();
}
