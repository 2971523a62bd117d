/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block map, as core compiles it and as the resident handler walks it.
 *
 *   cell[0 .. page_count)                one a page, index lba >> page_shift
 *   cell[page_count .. cell_count)       the runs of the SPLIT pages, page by page
 *
 * A cell is one little-endian 64-bit word:
 *
 *    63                            24 23            8 7     4   3   2    0
 *   +--------------------------------+---------------+-------+---+-------+
 *   | drive_lba                      | first         | drive | W | kind  |
 *   +--------------------------------+---------------+-------+---+-------+
 *
 *   kind       enum map_kind
 *   W          writable in place
 *   drive      index into the drive table that goes with the map
 *   first      in a run: the sector of the page at which it starts; ends where the next run
 *              starts, or with the page. In a SPLIT page: number of its runs, less one
 *   drive_lba  DIRECT: first sector on the drive. SPLIT: index of its first run's cell. Else 0
 *
 * In a page cell DIRECT covers the whole page (the disk's last page: as far as the disk goes). Runs
 * are DIRECT, ZERO, MIXED or RAM, never SPLIT; a page's first run has first = 0.
 */
#ifndef CORE_MAP_FORMAT_H
#define CORE_MAP_FORMAT_H

#include <stdint.h>

enum map_kind { MAP_ZERO, MAP_DIRECT, MAP_SPLIT, MAP_MIXED, MAP_RAM };

#define MAP_KIND_MASK      7u
#define MAP_WRITABLE       8u
#define MAP_DRIVE_SHIFT    4
#define MAP_DRIVE_MASK     15u
#define MAP_FIRST_SHIFT    8
#define MAP_FIRST_MASK     0xffffu
#define MAP_LBA_SHIFT      24
#define MAP_LBA_BITS       40
#define MAP_DRIVES_MAX     16
#define MAP_PAGE_SHIFT     12 /* 2 MiB, the least */
#define MAP_PAGE_SHIFT_MAX 16 /* 32 MiB: `first` has 16 bits */

static inline uint64_t map_cell(enum map_kind kind, unsigned drive, uint32_t first,
                                uint64_t drive_lba)
{
    return (uint64_t)kind | (uint64_t)drive << MAP_DRIVE_SHIFT |
           (uint64_t)first << MAP_FIRST_SHIFT | drive_lba << MAP_LBA_SHIFT;
}

static inline enum map_kind map_cell_kind(uint64_t cell)
{
    return (enum map_kind)((uint32_t)cell & MAP_KIND_MASK);
}

static inline unsigned map_cell_drive(uint64_t cell)
{
    return (uint32_t)cell >> MAP_DRIVE_SHIFT & MAP_DRIVE_MASK;
}

static inline uint32_t map_cell_first(uint64_t cell)
{
    return (uint32_t)cell >> MAP_FIRST_SHIFT & MAP_FIRST_MASK;
}

static inline uint64_t map_cell_lba(uint64_t cell)
{
    return cell >> MAP_LBA_SHIFT;
}

#endif
