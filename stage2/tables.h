/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the resident handler is told of its disk, and through it the guest: the handler's header
 * with INT 41h's and AH=48h's tables, and the drive slot. Only fills in; asks neither the BIOS nor
 * a drive.
 */
#ifndef STAGE2_TABLES_H
#define STAGE2_TABLES_H

#include "core/entry/open.h"
#include "geometry.h"
#include "pc/drive.h"
#include "resident/resident_abi.h"

/* Fills in what `disk`, its map, its drives and its geometry say. Left to the hand-over: what there
 * was before it (old_..., bios_hd_count), where things are (map_address, hidden). `drive` lists the
 * map's drives by index. So many bytes behind the handler's 8 KiB are its buffer's, too. */
void tables_header(struct resident_header *h, const struct boot_disk *disk,
                   struct drive *const *drive, unsigned drive_count,
                   const struct geometry *geometry, uint32_t look_bytes);

/* The same for a map over a whole drive, which stays the drive that it is. */
void tables_overlay(struct resident_header *h, const struct map *map, struct drive *drive);

/* Fills in the run that the handler keeps, where the disk is one; else leaves it. */
void tables_run(struct resident_run *run, const struct map *map);

/* Fills in the first drive slot, where the disk is such that it may have one; else leaves it. */
void tables_slot(struct drive_slot *slot, const struct boot_disk *disk, struct drive *const *drive,
                 const struct geometry *geometry);

#endif
