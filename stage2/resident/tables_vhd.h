/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VHD's tables, for grow.c: big-endian BAT entries of 4 bytes that name a block's bitmap, which
 * lies in front of its data. Serves disks as well whose changes stay in memory, and those that
 * never grow.
 */
#ifndef RESIDENT_TABLES_VHD_H
#define RESIDENT_TABLES_VHD_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/endian.h"
#include "core/map/format.h"
#include "resident/cells.h"
#include "resident/resident.h"
#include "resident/transfer.h"

/* The sector behind the bitmap of the request's page, whose own sectors start at `data`. */
static inline uint32_t bitmap_end(uint32_t data)
{
    return data;
}

/* The BAT's sector with the page's entry is read or written; returns the entry in the bounce
 * buffer. */
static be32 *bat_entry(uint32_t page, bool write)
{
    file_transfer(header.bat_sector + (page >> 7), write);
    return (be32 *)bounce + (page & 127);
}

/* May all of a new block be a differencing disk's own from the start? Where it is zeros, and its
 * slot holds nothing else. (What lies in memory is always said to be dirty.) */
static inline bool block_is_own(uint32_t cell, bool dirty)
{
    return !dirty && map_cell_kind(cell) == MAP_ZERO;
}

/* Where the data of a block start that is there. */
static inline uint32_t block_data(uint32_t page)
{
    uint32_t sector = be32_get(*bat_entry(page, false));

    if (sector + 1 <= 1)
        map_broken();
    return sector + header.bitmap_sectors;
}

/* The page's block exists from now on, with its data from there on. */
static inline void block_link(uint32_t page, uint32_t data, bool dynamic)
{
    (void)dynamic;
    *bat_entry(page, false) = be32_make(data - header.bitmap_sectors);
    bat_entry(page, true);
}

#endif
