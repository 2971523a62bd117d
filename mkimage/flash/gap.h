/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vhdboot outside of all volumes: in the sectors between the MBR and the first partition, or in a
 * BIOS boot partition of a GPT. Says where it may lie and where it does; never writes.
 */
#ifndef MKIMAGE_FLASH_GAP_H
#define MKIMAGE_FLASH_GAP_H

#include <stdbool.h>
#include <stdint.h>
#include "cli/say.h"
#include "core/part/format.h"
#include "core/part/table.h"
#include "host/device.h"
#include "layout.h"

/* Sectors of a place: a loader, vhdboot.bin, the MBR that was there before. */
#define GAP_PLACE (2 + STAGE2_FILE_MAX / SECTOR_SIZE)

/* Where vhdboot.bin lies, and which volume it starts from. */
struct gap {
    uint64_t file_lba, volume_lba;
    uint32_t file_sectors;
};

/* What the MBR's code says of it; false where that is no code for a gap. */
bool gap_read(const struct mbr *mbr, struct gap *gap);

/* Writes it into the MBR's code. */
void gap_write(struct mbr *mbr, const struct gap *gap);

/* Is it the first sector of a place that holds a vhdboot? */
bool gap_is_mark(const uint8_t sector[SECTOR_SIZE]);

/* Can the disk have such places? */
bool gap_has_area(const struct part_table *table);

/* Sectors that belong to no volume: [*first_lba, *end_lba). Refuses where a disk has none. */
enum status gap_area(const struct device *device, const struct part_table *table,
                     uint64_t *first_lba, uint64_t *end_lba);

/*
 * Chooses where `sectors` sectors of vhdboot.bin go: not over those that `old` says start now,
 * where there is room for both, so that a cut leaves one of them whole. NULL: nothing starts from
 * there.
 */
enum status gap_choose(const struct device *device, const struct part_table *table,
                       uint32_t sectors, const struct gap *old, uint64_t *file_lba);

#endif
