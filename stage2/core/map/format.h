/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block map, as core compiles it and as the resident handler walks it.
 *
 *   cell[0 .. page_count)     one a page of the disk, index lba >> page_shift; then, where the
 *                             leaf's file grows, from cell[file_page] on one a page of that file,
 *                             index file_page + (file_sector >> page_shift)
 *   cell[page_count ..)       the runs of SPLIT pages, page by page, and the records of MIXED ones
 *
 * A cell is one little-endian 64-bit word:
 *
 *    63                            24 23            8 7     4   3   2    0
 *   +--------------------------------+---------------+-------+---+-------+
 *   | lba                            | first         | drive | W | kind  |
 *   +--------------------------------+---------------+-------+---+-------+
 *
 *   kind       enum map_kind
 *   W          writable in place
 *   drive      index into the drive table that goes with the map
 *   first      in a run: the sector of the page at which it starts; ends where the next run
 *              starts, or with the page. In a SPLIT page: number of its runs, less one. In a
 *              DIRECT page: on so many more pages its run goes on, at least (map_join). In a
 *              ZERO page: 1 where a differencing VHDX itself says that its block is zeros
 *   lba        ZERO    0
 *              DIRECT  first sector on the drive
 *              SPLIT   index of its first run's cell
 *              MIXED   index of its record's first cell
 *              RAM     first sector of physical memory: address >> 9
 *              FILE    first sector in the leaf's file; the file's pages say where that lies
 *
 * A page cell that is not SPLIT or MIXED covers the whole page (the last page: as far as the disk
 * or the file goes). Runs are DIRECT, ZERO or RAM; a page's first run has first = 0.
 *
 * A MIXED page has two homes for each of its sectors, and a bit that says which. Its record:
 *
 *   cell[0]    base: any other kind: what holds where the bit is 0
 *   cell[1]    own: FILE or RAM, writable: what holds where the bit is 1. While the record is
 *              free, `first` is 1 where the sectors may hold something else than zeros
 *   cell[2..)  the bitmap, most significant bit first. FILE: as it lies in the file in front of
 *              the own sectors, whole sectors of it; RAM: a bit a sector of the page
 *
 * Pages of the file are DIRECT or SPLIT, all writable.
 *
 * A VHDX's sector bitmaps do not lie in front of the own sectors: where a differencing one grows,
 * there is a cell for each page of the disk, somewhere behind, FILE, whose lba is the sector behind
 * the page's bitmap, or 0 where there is none. There, and in its records, the least significant
 * bit of a byte is the first. Two pages of 1 MiB share a sector of bits; each record has its half.
 *
 * In memory, MAP_SEAL follows the last cell: who sees it there sees the map.
 */
#ifndef CORE_MAP_FORMAT_H
#define CORE_MAP_FORMAT_H

#include <stdint.h>

enum map_kind { MAP_ZERO, MAP_DIRECT, MAP_SPLIT, MAP_MIXED, MAP_RAM, MAP_FILE };

/* Where the first write to a page goes that has no sectors of its own. */
enum map_growth {
    MAP_GROWS_NOT,
    MAP_GROWS_DYNAMIC,      /* a new block of a dynamic image */
    MAP_GROWS_DIFFERENCING, /* a new block of a differencing image */
    MAP_GROWS_IN_MEMORY,    /* memory: changes are gone at power off */
};

#define MAP_RECORD_BASE    0 /* cells of a record */
#define MAP_RECORD_OWN     1
#define MAP_RECORD_BITMAP  2

#define MAP_CHUNK_SHIFT    23 /* of the sectors that one sector bitmap of a VHDX tells about */

#define MAP_KIND_MASK      7u
#define MAP_WRITABLE       8u
#define MAP_DRIVE_SHIFT    4
#define MAP_DRIVE_MASK     15u
#define MAP_FIRST_SHIFT    8
#define MAP_FIRST_MASK     0xffffu
#define MAP_LBA_SHIFT      24
#define MAP_LBA_BITS       40
#define MAP_DRIVES_MAX     16
#define MAP_JOINED_MAX     0xfffe      /* pages of any size: 32 bits have room for their sectors */
#define MAP_SEAL           0x6c616573u /* "seal" */
#define MAP_SEAL_BYTES     8
#define MAP_PAGE_SHIFT     12 /* 2 MiB, as a rule */
#define MAP_PAGE_SHIFT_MIN 3  /* 4 KiB: where pages are blocks of a VHD */
#define MAP_PAGE_SHIFT_MAX 16 /* 32 MiB: `first` has 16 bits */

static inline uint64_t map_cell(enum map_kind kind, unsigned drive, uint32_t first,
                                uint64_t drive_lba)
{
    return (uint64_t)kind | (uint64_t)drive << MAP_DRIVE_SHIFT |
           (uint64_t)first << MAP_FIRST_SHIFT | drive_lba << MAP_LBA_SHIFT;
}

/* A free record's own sectors may hold something: all of what a note does not vouch for. */
#define MAP_OWN_DIRTY (1u << MAP_FIRST_SHIFT)

/* The page of a block that reads as zeros, whatever is behind it. */
#define MAP_ZERO_OWN  ((uint32_t)MAP_ZERO | 1u << MAP_FIRST_SHIFT)

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
