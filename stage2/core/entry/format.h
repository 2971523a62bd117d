/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The boot table: what was started, for the system that was started. It lies in memory that the
 * machine's memory map reserves, behind the block map, on a 4 KiB border; the handler's header says
 * where (resident_abi.h). Little-endian, without padding.
 *
 *   head       struct boottable_head, of head_bytes
 *   files      file_count times struct boottable_file_entry, of file_bytes each: the disk's image,
 *              then its parents, each behind its child
 *   strings    UTF-8, each with a NUL behind it; found by their offsets from the table's start
 *
 * A table counts only where magic, revision and sum are right. What a later vhdboot adds goes
 * behind the fields that are here, in head and entries alike, and makes head_bytes and file_bytes
 * larger; the revision changes only where one that knows this one would be led astray.
 */
#ifndef CORE_ENTRY_FORMAT_H
#define CORE_ENTRY_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"

#define BOOTTABLE_MAGIC           "$VHDBOOT"
#define BOOTTABLE_REVISION        1
#define BOOTTABLE_BORDER          4096u
#define BOOTTABLE_BYTES_MAX       (1u << 20)

/* head.flags */
#define BOOTTABLE_FORCE           0x1u /* force = yes */
#define BOOTTABLE_HIDE            0x2u /* hide = yes */
#define BOOTTABLE_RAM             0x4u /* ram = yes: the disk's contents lie in memory */
#define BOOTTABLE_WRITE_PROTECTED 0x8u /* writes are refused, whatever `write` says */

/* file.flags */
#define BOOTTABLE_NAMED           0x1u /* found by the entry's word, not by its child's */

/* A volume, as it can be found again. */
struct boottable_volume_entry {
    le64 serial;         /* 0x00: the NTFS volume's serial number */
    le64 start_lba;      /* 0x08: its first sector on its drive; 0: the drive has no partitions */
    le32 mbr_signature;  /* 0x10: bytes 440 to 443 of the drive; 0: none, or not known */
    uint8_t bios_drive;  /* 0x14: the drive's number as the BIOS had it */
    uint8_t map_drive;   /* 0x15: and as the block map's cells have it */
    uint8_t reserved[2]; /* 0x16 */
};
static_assert(sizeof(struct boottable_volume_entry) == 24, "boot table's volume");

struct boottable_file_entry {
    struct boottable_volume_entry volume; /* 0x00 */
    le32 path;           /* 0x18: from the volume's root; \ or / between its parts */
    uint8_t flags;       /* 0x1c */
    uint8_t reserved[3]; /* 0x1d */
};
static_assert(sizeof(struct boottable_file_entry) == 32, "boot table's file");

/* The block map (core/map/format.h) in memory; addresses are physical. */
struct boottable_map_entry {
    le64 cells;          /* 0x00 */
    le32 cell_count;     /* 0x08 */
    le32 page_count;     /* 0x0c: of the disk and the leaf's file together */
    le32 file_page;      /* 0x10: of the disk alone */
    le32 record_first;   /* 0x14: cell of the first record that was free */
    le32 record_end;     /* 0x18: none is from here on */
    le32 record_cells;   /* 0x1c: of a record */
    le64 record_next;    /* 0x20: address of a le32: the first that is free now; the handler's */
    uint8_t growth;      /* 0x28: enum map_growth */
    uint8_t page_shift;  /* 0x29 */
    uint8_t reserved[6]; /* 0x2a */
    le64 contents;       /* 0x30: ram = yes: what the disk stores, by its RAM cells */
    le64 contents_bytes; /* 0x38 */
    le64 changes;        /* 0x40: where records' own sectors lie in memory: all of them */
    le64 changes_bytes;  /* 0x48 */
};
static_assert(sizeof(struct boottable_map_entry) == 0x50, "boot table's map");
static_assert(offsetof(struct boottable_map_entry, contents) == 0x30, "boot table's map");

struct boottable_head {
    uint8_t magic[8];                     /* 0x00: BOOTTABLE_MAGIC */
    le16 revision;                        /* 0x08 */
    le16 head_bytes;                      /* 0x0a: of this structure */
    le32 bytes;                           /* 0x0c: of the whole table */
    le32 sum;                             /* 0x10: CRC-32 of the whole table, this field being 0 */
    le32 flags;                           /* 0x14 */
    uint8_t write;                        /* 0x18: enum write_mode, as the entry says */
    uint8_t reserved;                     /* 0x19 */
    le16 file_count;                      /* 0x1a */
    le16 file_bytes;                      /* 0x1c: of an entry of the list of files */
    uint8_t reserved2[2];                 /* 0x1e */
    le32 files;                           /* 0x20: offset of the list */
    le32 entry;                           /* 0x24: offset of the entry's name */
    le64 disk_sectors;                    /* 0x28 */
    le64 discard_max;                     /* 0x30: bytes, as the entry says; 0: it does not */
    struct boottable_volume_entry volume; /* 0x38: the one that vhdboot was started from */
    struct boottable_map_entry map;       /* 0x50 */
};
static_assert(sizeof(struct boottable_head) == 0xa0, "boot table");
static_assert(offsetof(struct boottable_head, disk_sectors) == 0x28, "boot table");
static_assert(offsetof(struct boottable_head, map) == 0x50, "boot table");

#endif
