/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes the boot table (format.h) of a disk that is about to start, and reads one that was left.
 * What is read is trusted as little as a disk: anybody may have written over it.
 */
#ifndef CORE_ENTRY_BOOTTABLE_H
#define CORE_ENTRY_BOOTTABLE_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/bounds.h"
#include "core/base/errors.h"
#include "core/chain/chain.h"
#include "core/entry/config.h"
#include "core/map/format.h"

struct boot_disk;
struct ntfs;

struct boottable_volume {
    uint64_t serial, start_lba;
    uint32_t mbr_signature;
    uint8_t bios_drive, map_drive;
};

struct boottable_file {
    struct boottable_volume volume;
    const char *path; /* from the volume's root */
    bool named;       /* found by the entry's word, not by its child's */
};

/* Addresses are physical; all 0 where there is no map in memory. */
struct boottable_map {
    uint64_t cells, record_next, contents, contents_bytes, changes, changes_bytes;
    uint32_t cell_count, page_count, file_page, record_first, record_end, record_cells;
    enum map_growth growth;
    uint8_t page_shift;
};

struct boottable {
    enum write_mode write;
    bool force, hide, ram, write_protected;
    const char *entry; /* its name */
    uint64_t disk_sectors, discard_max;
    struct boottable_volume volume; /* the one that vhdboot was started from */
    struct boottable_map map;
    unsigned file_count;
    struct boottable_file file[CHAIN_MAX]; /* [0] is the leaf */
};

/* What an open disk's table says, all but the addresses. `own` is the volume that vhdboot was
 * started from; `bios_drive` numbers the drives by the map's indexes. Strings stay where they are.
 * Reads sector 0 of the drives. */
void boottable_describe(struct boottable *t, const struct boot_disk *disk,
                        const struct config_entry *entry, const struct ntfs *own,
                        const uint8_t *bios_drive);

/* Bytes that the table takes; 0 where they would be more than BOOTTABLE_BYTES_MAX. */
uint32_t boottable_bytes(const struct boottable *t);

/* Writes all of boottable_bytes(). */
void boottable_write(const struct boottable *t, uint8_t *to);

/* How many bytes the table has whose head is `head`; ERR_NOT_FOUND where that is none, and
 * ERR_UNSUPPORTED for another revision's. The sum is not looked at. */
MUST_CHECK enum err boottable_probe(struct view head, uint32_t *bytes, struct fail *f);

/* Reads a whole table. Strings stay in `bytes`. */
MUST_CHECK enum err boottable_parse(struct boottable *t, struct view bytes, struct fail *f);

#endif
