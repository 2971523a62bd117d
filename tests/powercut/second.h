/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second reader of VHD chains, for judging the first: it shares with the project's own code the
 * knowledge of where a file's sectors lie, and nothing else. It goes by every bitmap, those of
 * dynamic disks too, where the loader's own reader takes all of a block that is there: a sector
 * that both read alike is read alike by all programs.
 */
#ifndef SECOND_H
#define SECOND_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/file.h"

#define SECOND_LAYERS_MAX 16

struct second_layer {
    const struct extent_list *extents;
    uint64_t file_sectors;
    unsigned kind; /* 2 fixed, 3 dynamic, 4 differencing */
    uint64_t disk_sectors;
    uint64_t bat_sector;
    uint32_t bat_entries, block_sectors, bitmap_sectors;
    uint64_t blocks;
    uint64_t end; /* sectors of the file behind this one, but for the footer, are slack */
};

struct second {
    const uint8_t *flash; /* its bytes, as they are now */
    unsigned count;
    struct second_layer layer[SECOND_LAYERS_MAX]; /* leaf first */
};

/* Reads footers and headers anew. NULL, or what is wrong. */
const char *second_open(struct second *s);

/* The sector `lba` of the disk; zeros where no layer has it. NULL where a table is wrong. */
const uint8_t *second_sector(const struct second *s, uint64_t lba);

/* The drive's sector that holds `file_sector` of a layer; UINT64_MAX where it has none. */
uint64_t second_drive_lba(const struct second_layer *layer, uint64_t file_sector);

/* What a sector of the leaf's file is used for at this moment. */
enum second_use { USE_FIXED_PART, USE_BAT, USE_BITMAP, USE_DATA, USE_SLACK, USE_HEADER };
enum second_use second_use(const struct second *s, uint64_t file_sector);

#endif
