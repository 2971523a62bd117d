/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VHDX's tables, for grow.c: little-endian BAT entries of 8 bytes with a block's state, and
 * sector bitmaps that lie where the map says. Behind the entries of each chunk the BAT has one of
 * that chunk's bitmap. A block has data only, and no more than one of its states needs a bitmap.
 */
#ifndef RESIDENT_TABLES_VHDX_H
#define RESIDENT_TABLES_VHDX_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/endian.h"
#include "core/map/format.h"
#include "resident/cells.h"
#include "resident/request.h"
#include "resident/resident.h"
#include "resident/transfer.h"
#include <machine/machine.h>

#define VHDX_PARTIALLY_PRESENT 7u /* a block's state; one less: fully present */

/* The sector behind the bitmap of the request's page. */
__attribute__((noinline)) static uint32_t bitmap_end(uint32_t data)
{
    uint32_t sector = (uint32_t)map_cell_lba(cell_at(header.bitmap_cell + request_page()));

    (void)data;
    if (!sector)
        machine_throw(STATUS_FAULT);
    return sector;
}

/* Must all of a new block be a differencing disk's own from the start, as the leaf itself says that
 * it is zeros? Or may it, as it is zeros, and its slot holds nothing else? */
static inline bool block_is_own(uint32_t cell, bool dirty)
{
    return cell == MAP_ZERO_OWN || (!dirty && map_cell_kind(cell) == MAP_ZERO);
}

/* What is there of a dynamic disk is written in place, and needs no bitmap before. */
static inline uint32_t block_data(uint32_t page)
{
    (void)page;
    return 0;
}

/* The page's block exists from now on, with its data from there on, a multiple of 1 MiB. */
static inline void block_link(uint32_t page, uint32_t data, bool dynamic)
{
    uint32_t index = page + (page >> (MAP_CHUNK_SHIFT - header.page_shift));
    uint32_t sector = header.bat_sector + (index >> 6);
    le32 *entry = (le32 *)bounce + (index & 63) * 2;

    file_transfer(sector, false);
    entry[0] = le32_make(data << 9 | (VHDX_PARTIALLY_PRESENT - dynamic));
    entry[1] = le32_make(data >> 23);
    file_transfer(sector, true);
}

#endif
