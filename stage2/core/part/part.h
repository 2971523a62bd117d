/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Partition tables: MBR with logical partitions, GPT, and a drive that is one bare volume.
 * Promises: ends on every table, loops included; every partition returned lies inside the drive.
 */
#ifndef CORE_PART_PART_H
#define CORE_PART_PART_H

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

/* Reads the table of the drive. A drive whose sector 0 is an NTFS boot record is PART_NONE with one
 * part that covers it. An empty MBR is success with count 0; no 55AAh at all is ERR_PARTITION. */
MUST_CHECK enum err part_read(struct part_table *table, struct blk *drive, struct fail *f);

/* The partition that starts at start_lba, or NULL. */
const struct part *part_at(const struct part_table *table, uint64_t start_lba);

/* The one to boot from or to install to: `number` if not 0, else the active NTFS one, else the
 * first whose first sector is an NTFS boot record. ERR_PARTITION with a sentence otherwise. */
MUST_CHECK enum err part_pick(const struct part_table *table, struct blk *drive, unsigned number,
                              const struct part **part, struct fail *f);

#endif
