/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The head of vhdboot.bin, and what the boot record hands to it.
 *
 * The boot record loads the whole file to STAGE2_ADDRESS, checks magic and size, and jumps to
 * STAGE2_SEGMENT:0000 in real mode with
 *   DL        BIOS drive it was loaded from
 *   ECX:EBX   64-bit LBA of the volume's first sector on that drive
 * The MBR of the gap does the same, from sectors outside of all volumes: where they lie, and which
 * volume it hands over, stand in the record at its end.
 *
 * Interrupts enabled, DF clear; no other register means anything. Stage2 checks the sum itself, so
 * that a file read from wrong sectors is named and not run.
 */
#ifndef STAGE2_FORMAT_H
#define STAGE2_FORMAT_H

#include "core/base/bounds.h"
#include "core/base/endian.h"

struct stage2_header {
    uint8_t jump[4]; /* 0x00: to the entry */
    le32 magic;      /* 0x04: STAGE2_MAGIC, "vhdb" */
    le32 size;       /* 0x08: bytes of the file, a multiple of 4, at most STAGE2_FILE_MAX */
    le32 sum;        /* 0x0c: makes the sum of all 32-bit words of the file 0 */
};
static_assert(sizeof(struct stage2_header) == 16, "stage2 header");
static_assert(offsetof(struct stage2_header, sum) == 0x0c, "stage2 header");

#define GAP_MAGIC 0x70616776u /* "vgap" */

/* The last bytes of the MBR's code, which ends at MBR_CODE_MAX. */
struct gap_record {
    le32 magic;        /* 0x00: GAP_MAGIC */
    le32 file_lba;     /* 0x04: where boot/gap_loader.asm lies on the same drive */
    le16 file_sectors; /* 0x08: with vhdboot.bin, which follows it */
    le64 volume_lba;   /* 0x0a: of the boot volume's first sector */
};
static_assert(sizeof(struct gap_record) == 18, "gap record");
static_assert(offsetof(struct gap_record, volume_lba) == 0x0a, "gap record");

#endif
