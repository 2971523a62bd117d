/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second reader of VHDX chains, for judging the first, as powercut/second.h is of VHDs: it shares
 * with the project's own code the knowledge of where a file's sectors lie, and nothing else. It
 * reads no log: a file that has one is none of its business.
 */
#ifndef SOAK_SECOND_VHDX_H
#define SOAK_SECOND_VHDX_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/file.h"

#define SECOND_VHDX_LAYERS_MAX 16

struct second_vhdx_layer {
    const struct extent_list *extents;
    uint64_t file_size, disk_sectors, bat;
    uint32_t block_sectors, ratio;
    bool has_parent;
    uint8_t id[16]; /* that children know it by */
};

struct second_vhdx {
    const uint8_t *flash; /* its bytes, as they are now */
    unsigned count;
    struct second_vhdx_layer layer[SECOND_VHDX_LAYERS_MAX]; /* leaf first */
    bool has_log; /* second_vhdx_open() found a log that is not replayed, in any of them */
};

/* Reads headers and tables anew. NULL, or what is wrong. */
const char *second_vhdx_open(struct second_vhdx *s);

/* The sector `lba` of the disk; zeros where no layer has it. NULL where a table is wrong. */
const uint8_t *second_vhdx_sector(const struct second_vhdx *s, uint64_t lba);

#endif
