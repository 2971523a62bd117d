/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block map in extended memory: its cells, and what holds a sector. All end the request
 * (machine_throw) where they fail; nothing beyond cell_count is read or written.
 */
#ifndef RESIDENT_CELLS_H
#define RESIDENT_CELLS_H

#include <stdint.h>
#include "resident/resident_abi.h"

#define MAP_BITMAP_BITS 4096u /* sectors that a sector of a bitmap tells about */

extern struct resident_run run;

/* Physical address of a cell, and the cell. */
uint32_t cell_address(uint32_t index);
uint64_t cell_at(uint32_t index);
void cell_put(uint32_t index, uint64_t cell);

/* What was read of the map counts no more: it has changed. */
void cells_forget(void);

/* Ends the request: the map makes no sense. */
_Noreturn void map_broken(void);

/* Of a MIXED page that `run` was found in for a write: the own sectors' place. */
extern uint32_t run_own;

/* Makes `run`, and the piece's lba and largest count, of the request's next sector. */
void run_find(void);

/* Likewise of a sector of the leaf's file, which must be writable there. */
void file_find(uint32_t sector);

#endif
