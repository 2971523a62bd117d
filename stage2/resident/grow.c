/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first write to a page that has no sectors of its own. Promises, wherever power fails: the
 * image is sound, and each of its sectors holds what it held or what was being written.
 */
#include "resident/grow.h"
#include <stdbool.h>
#include "core/base/endian.h"
#include "core/map/format.h"
#include "resident/cells.h"
#include "resident/resident.h"
#include "resident/transfer.h"
#include <machine/machine.h>

#define BAT_ABSENT 0xffffffffu

void bits_set(uint32_t record, uint32_t within, uint32_t count)
{
    uint32_t sector = within / MAP_BITMAP_BITS;
    uint32_t bits = cell_address(record + MAP_RECORD_BITMAP) + (sector << 9);
    uint32_t low = machine_linear(bounce);
    uint32_t dwords = (header.record_cells - MAP_RECORD_BITMAP) * 2u;

    if (dwords > 128)
        dwords = 128;
    machine_copy_high(low, bits, dwords);
    for (; count; count--, within++)
        machine_bit_set(bounce, within % MAP_BITMAP_BITS);
    uint64_t own = cell_at(record + MAP_RECORD_OWN);
    if (map_cell_kind(own) == MAP_FILE)
        file_transfer((uint32_t)map_cell_lba(own) - header.bitmap_sectors + sector, true);
    machine_copy_high(bits, low, dwords);
    cells_forget();
}

static be32 *bat_entry(uint32_t page, bool write)
{
    file_transfer(header.bat_sector + (page >> 7), write);
    return (be32 *)bounce + (page & 127);
}

/* Zeros over whatever a block's slot held before. */
static void scrub(uint32_t sector)
{
    for (uint32_t end = sector + (1u << header.page_shift); sector < end; sector++) {
        uint32_t any = 0;
        file_transfer(sector, false);
        for (uint32_t i = 0; i < 512; i++)
            any |= bounce[i];
        if (any) {
            __builtin_memset(bounce, 0, 512);
            file_transfer(sector, true);
        }
    }
}

/* All bits of a block, the last sector of them first; `data` is where its data start. */
static void bitmap_fill(uint32_t data, uint8_t fill)
{
    __builtin_memset(bounce, fill, 512);
    for (uint32_t i = header.bitmap_sectors; i; i--)
        file_transfer(data - i, true);
}

void page_grow(uint32_t page)
{
    uint64_t old = cell_at(page), new;
    uint32_t record = header.record_next;
    uint32_t data; /* first of the block's, behind its bitmap */
    bool dynamic = header.growth == MAP_GROWS_DYNAMIC;
    bool absent = !dynamic || map_cell_kind(old) == MAP_ZERO;

    if (!header.growth || map_cell_kind(old) >= MAP_MIXED ||
        (absent && record >= header.record_end))
        machine_throw(STATUS_FAULT);
    if (absent) {
        data = (uint32_t)map_cell_lba(cell_at(record + MAP_RECORD_OWN));
        if (record - header.record_clean < header.record_dirty)
            scrub(data);
    } else {
        data = be32_get(*bat_entry(page, false));
        if (data + 1 <= 1)
            map_broken();
        data += header.bitmap_sectors;
    }
    /* Whatever fails, a slot that is not linked gets nothing but zeros: the next start may have
     * been told that it holds none but those. */
    if (header.growth == MAP_GROWS_DIFFERENCING)
        bitmap_fill(data, 0);
    if (absent) {
        /* Taken even if what follows fails: nobody knows then what the drive holds. */
        header.record_next = record + header.record_cells;
        if (header.growth != MAP_GROWS_IN_MEMORY) {
            *bat_entry(page, false) = be32_make(data - header.bitmap_sectors);
            bat_entry(page, true);
        }
    }
    new = map_cell(MAP_FILE, 0, 0, data) | MAP_WRITABLE;
    if (dynamic) {
        bitmap_fill(data, 0xff);
    } else {
        cell_put(record + MAP_RECORD_BASE, old);
        new = map_cell(MAP_MIXED, 0, 0, record) | MAP_WRITABLE;
    }
    cell_put(page, new);
    cells_forget();
}
