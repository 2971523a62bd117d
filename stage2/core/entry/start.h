/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An entry that starts something else than a virtual disk: what the words of `boot = ...` mean, and
 * what a boot record gets to see of its drive and its partition.
 */
#ifndef CORE_ENTRY_START_H
#define CORE_ENTRY_START_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"
#include "core/part/format.h"
#include "core/part/table.h"

struct blk;

enum start_kind {
    START_IMAGE,     /* no `boot =`: the entry's virtual disk */
    START_NEXT,      /* `next`: what the BIOS would start, were this drive not there */
    START_DISK,      /* `disk N`: another drive's MBR */
    START_PARTITION, /* `partition N`: a boot record of this drive */
    START_FILE,      /* a path: a loader, by what it is */
};

struct start {
    enum start_kind kind;
    bool by_bios;    /* `disk 81h`: number is the BIOS's */
    unsigned number; /* else: of a disk, from 1 on, this one not counted; of a partition, as Linux
                      * counts */
    const char *path;
};

/* What the `length` bytes at `value` say; path points there. START_IMAGE where they say nothing
 * that can be. */
struct start start_of(const char *value, uint32_t length);

/* The BIOS's number of what `start` (START_DISK) means, where this drive has `own`. */
unsigned start_bios_number(const struct start *start, unsigned own);

/* A boot record finds its drive and its partition where its file system keeps them (hidden sectors,
 * drive number): as formatted, which may have been another drive. Sets them in memory; a sector
 * that is of no file system stays as it is. */
void start_record_place(uint8_t *sector, uint64_t lba, uint8_t drive);

/* The table's entry that an MBR would hand to the boot record, its LBA counted from the drive's
 * start. All zeros for NULL and for a drive that is one bare volume. */
struct mbr_entry start_table_entry(const struct part *part);

/* Finds partition `number` and reads its first sector; `drive` has the table. ERR_PARTITION,
 * ERR_NO_SYSTEM where that sector is no boot record, ERR_READ. */
MUST_CHECK enum err start_partition_read(const struct part_table *table, struct blk *drive,
                                         unsigned number, const struct part **part, uint8_t *record,
                                         struct fail *f);

/* Does this boot record start a system that finds its drive under 80h and nowhere else? DOS and
 * NTLDR. */
bool start_wants_first_drive(const uint8_t *record);

#endif
