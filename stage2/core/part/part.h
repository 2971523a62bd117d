/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Partition tables: MBR with logical partitions, GPT, and a drive that is one bare volume.
 * Promises: ends on every table, loops included; every partition returned lies inside the drive.
 */
#ifndef CORE_PART_PART_H
#define CORE_PART_PART_H

#include "core/base/errors.h"
#include "core/part/table.h"

struct blk;

/* Reads the table of the drive. A drive whose sector 0 is an NTFS boot record is PART_NONE with one
 * part that covers it. An empty MBR is success with count 0; no 55AAh at all is ERR_PARTITION. */
MUST_CHECK enum err part_read(struct part_table *table, struct blk *drive, struct fail *f);

/* The one to boot from or to install to: `number` if not 0, else the active NTFS one, else the
 * first whose first sector is an NTFS boot record. ERR_PARTITION with a sentence otherwise. */
MUST_CHECK enum err part_pick(const struct part_table *table, struct blk *drive, unsigned number,
                              const struct part **part, struct fail *f);

#endif
