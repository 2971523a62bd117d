/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of a drive's partitions: filled by the readers of MBR and GPT, searched by everyone. */
#ifndef CORE_PART_TABLE_H
#define CORE_PART_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"

struct blk;

#define PART_MAX       128
#define PART_PRIMARIES 4 /* partitions with larger numbers are logical ones */

enum part_scheme { PART_NONE, PART_MBR, PART_GPT }; /* NONE: the drive is one bare volume */

struct part {
    unsigned number; /* as Linux numbers them: primaries 1..4, logicals from 5; 0 = bare volume */
    uint8_t type;    /* MBR type byte; 0 for GPT and bare */
    bool active;
    bool bios_boot; /* a BIOS boot partition of a GPT */
    uint64_t start_lba;
    uint64_t sectors;
};

struct part_table {
    enum part_scheme scheme;
    uint32_t disk_signature; /* MBR bytes 440..443 */
    unsigned count;
    struct part part[PART_MAX];
    struct notes notes; /* "partition %u reaches beyond the drive" … */
};

/* Adds one partition, cut to the drive; leaves it out where it starts beyond it or the table is
 * full. Both are noted. */
void part_add(struct part_table *table, const struct blk *drive, const struct part *part);

/* The partition that starts at start_lba, or NULL. */
const struct part *part_at(const struct part_table *table, uint64_t start_lba);

/* The partition with this number, or NULL. */
const struct part *part_numbered(const struct part_table *table, unsigned number);

#endif
