/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stage2 fills in before the resident handler takes over, and what it must find there. The
 * resident's binary is linked for offset 0 of its own segment; the header lies at RESIDENT_HEADER
 * in it.
 *
 *   segment:0000  the run that is kept
 *   segment:0020  eight drive slots of 24 bytes (GRUB4DOS layout)
 *   segment:0100  this header, whose first bytes are the INT 13h entry
 *   then code, data, and, beyond the end of the binary, bytes that stage2 makes zero up to
 *   resident_size: caches, stack, bounce buffer; RESIDENT_SIZE_MAX at the most
 *   where bounce_sectors is more than 1, the rest of the bounce buffer
 */
#ifndef RESIDENT_ABI_H
#define RESIDENT_ABI_H

#include <stdint.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/map/format.h"
#include "layout.h"
#include "pc/int13_format.h"

/*
 * A drive slot. The sectors [start, start + count) of one drive are another drive, as who looks for
 * disks behind INT 13h understands it; from_... is what the guest sees, to_... where it lies. All
 * zero: unused.
 */
struct drive_slot {
    uint8_t from_drive;     /* 0x00 */
    uint8_t to_drive;       /* 0x01 */
    uint8_t from_head_last; /* 0x02 */
    uint8_t from_sectors;   /* 0x03: a track */
    le16 to_cylinders;      /* 0x04: the last one, and flags */
    uint8_t to_head_last;   /* 0x06 */
    uint8_t to_sectors;     /* 0x07 */
    le64 start;             /* 0x08 */
    le64 count;             /* 0x10 */
};
static_assert(sizeof(struct drive_slot) == RESIDENT_SLOT_SIZE, "drive slot");
static_assert(offsetof(struct drive_slot, count) == 0x10, "drive slot");

#define SLOT_LBA 0x8000 /* to_cylinders: the drive takes packets */

/*
 * Where the last piece lay. It stays from call to call: most reads go on where the last one ended.
 * Of a disk that is one run stage2 fills it in, and the map is never looked at again: there are
 * memory managers that let nobody look.
 */
struct resident_run {
    uint64_t disk_lba; /* 0x00: its first sector */
    uint64_t lba;      /* 0x08: where that lies, as the kind of its cell has it */
    uint32_t left;     /* 0x10: sectors from there on; 0: nothing is known */
    uint32_t cell;     /* 0x14: low half of its cell */
    uint32_t record;   /* 0x18: of a MIXED page whose bits must be set after the write, or 0 */
    uint8_t write;     /* 0x1c: the direction that it is right for: 0, 1, or RUN_BOTH */
    uint8_t pad[3];
};
static_assert(sizeof(struct resident_run) == RESIDENT_SLOTS - RESIDENT_RUN, "kept run");
static_assert(offsetof(struct resident_run, write) == 0x1c, "kept run");

#define RUN_BOTH 2 /* differs from either direction in another bit than they do */

/* Memory [start, end). */
struct resident_range {
    uint32_t start, end;
};

/* Indexes of what INT 15h does not report. */
#define HIDDEN_SEGMENT 0 /* from the resident's segment up to A0000h */
#define HIDDEN_MAP     1 /* the map, with all that its RAM cells lead to */

struct resident_header {
    uint8_t jump[3];       /* 0x00: INT 13h entry: a near jump; linked */
    char safe_hook[8];     /* 0x03: "$INT13SF"; linked */
    char vendor[8];        /* 0x0b: "GRUB4DOS": drivers look for this name; linked */
    le32 old_int13;        /* 0x13: far pointer, offset first; by the Windows 9x convention here */
    uint8_t safe_flags[4]; /* 0x17: 0: no protected-mode driver may take over the raw drive */
    uint8_t pad[1];        /* 0x1b */

    /* From here on vhdboot's own; filled in by stage2 except where "linked" is said. Far pointers
     * have their segment in the high half. */
    uint16_t bits_shared;            /* 0x1c: sectors of a page, where two share a sector of
                                      * bits; else 0 */
    uint8_t bits_dwords;             /* 0x1e: of a record's bits, or of a sector of them */
    uint8_t bounce_sectors;          /* 0x1f: of the bounce buffer, 1..bios_sectors_max */
    uint32_t old_int15;              /* 0x20 */
    uint32_t map_address;            /* 0x24: physical address of the cells */
    uint32_t page_count;             /* 0x28: of the disk and the leaf's file together */
    uint32_t cell_count;             /* 0x2c */
    uint64_t sectors;                /* 0x30: of the disk */
    struct resident_range hidden[2]; /* 0x38 */
    uint16_t int15_entry;            /* 0x48: offset of the INT 15h handler; linked */
    uint16_t resident_size;          /* 0x4a: bytes, bss and stack included; linked */
    uint16_t cylinders;              /* 0x4c: INT 13h geometry, 1..1024 */
    uint8_t heads;                   /* 0x4e: 1..255 */
    uint8_t sectors_per_track;       /* 0x4f: 1..63 */
    uint8_t page_shift;              /* 0x50 */
    uint8_t write_protected;         /* 0x51: writes answer 03h */
    uint8_t drive_shift;             /* 0x52: 1: physical drive n answers under n + 1 */
    uint8_t hidden_drives;           /* 0x53: 1: physical hard disks are not shown at all */
    uint8_t bios_sectors_max;      /* 0x54: most sectors that one call of the BIOS takes, 1..127 */
    uint8_t bios_hd_count;         /* 0x55: hard disks before ours was added */
    uint8_t drive_count;           /* 0x56: entries of drive[] in use */
    uint8_t growth;                /* 0x57: enum map_growth */
    uint8_t drive[MAP_DRIVES_MAX]; /* 0x58: BIOS numbers of the map's drives */
    uint8_t drive_edd[MAP_DRIVES_MAX];   /* 0x68: 1: AH=42h works; else CHS with the two below */
    uint8_t drive_heads[MAP_DRIVES_MAX]; /* 0x78 */
    uint8_t drive_spt[MAP_DRIVES_MAX];   /* 0x88 */
    struct fdpt fdpt;                    /* 0x98: INT 41h points here */
    struct edd_parameters edd;           /* 0xa8: the whole answer to AH=48h */
    uint8_t pad_edd[2];                  /* 0xc6 */
    uint32_t old_int18;                  /* 0xc8: vectors and BDA bytes that INT 19h restores */
    uint32_t old_int19;                  /* 0xcc */
    uint32_t old_int41;                  /* 0xd0 */
    uint32_t old_int46;                  /* 0xd4 */
    uint16_t old_low_kib;                /* 0xd8: 0040:0013 */
    uint16_t int18_entry;                /* 0xda: offset of the INT 18h handler; linked */
    uint16_t int19_entry;                /* 0xdc: linked */
    uint16_t record_cells;               /* 0xde: cells of a MIXED page's record */

    /* Growth: what the first write to a page needs. Free records are taken in order; stage2 has
     * filled in their own cell and, but for DYNAMIC, a bitmap of zeros. */
    uint32_t file_page;   /* 0xe0: index of the page cell of the leaf's file sector 0; = the number
                           * of the disk's pages */
    uint32_t record_next; /* 0xe4: index of the next free record's first cell */
    uint32_t record_end;  /* 0xe8: no free record from here on */
    uint32_t bitmap_cell; /* 0xec: differencing VHDX: index of the cells that say, page by page,
                           * where its bitmap lies */
    uint32_t bat_sector;  /* 0xf0: of the leaf's file: where its BAT starts */
    uint8_t bitmap_sectors; /* 0xf4: of a block, in front of its data */
    /* 0xf5: the number of the drive that the map lies over, which is then shown as it is but for
     * what the map has in memory: only reads and writes of it come here, all else goes to the BIOS.
     * 0: the disk is one of its own, 80h, in front of the drives */
    uint8_t overlaid;
    uint16_t overlaid_entry; /* 0xf6: INT 13h is hooked here then */
    uint32_t boot_table;     /* 0xf8: address of the boot table (core/entry/format.h); 0: none */
    uint32_t page_last;      /* 0xfc: sectors of a page, less one */
};
static_assert(offsetof(struct resident_header, boot_table) == 0xf8, "resident header");
static_assert(sizeof(struct resident_header) == 0x100, "resident header");
static_assert(offsetof(struct resident_header, bitmap_cell) == 0xec, "resident header");
static_assert(offsetof(struct resident_header, old_int15) == 0x20, "resident header");
static_assert(offsetof(struct resident_header, fdpt) == 0x98, "resident header");
static_assert(offsetof(struct resident_header, edd) == 0xa8, "resident header");
static_assert(offsetof(struct resident_header, old_int18) == 0xc8, "resident header");
static_assert(offsetof(struct resident_header, file_page) == 0xe0, "resident header");
static_assert(offsetof(struct resident_header, overlaid) == 0xf5, "resident header");

#endif
