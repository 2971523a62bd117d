/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where everything of vhdboot's own lies below 1 MiB, in one place: C includes this file, the
 * linker scripts go through the C preprocessor, and NASM reads build/layout.inc, which is made from
 * it. So: only lines of the form `#define NAME number`, with comments on lines of their own. The
 * BIOS's own addresses are in pc/bda.h.
 *
 *   00500 the last code of stage2, where a loader is started that goes over the rest of it
 *   00600 MBR, moved here by itself          10000 stage2: code, data
 *   07C00 boot record (8 KiB), then the      3E000 stage2's stack, down from 40000
 *         guest's MBR                        40000 disk buffer of the BIOS calls, 64 KiB,
 *   09C00 work area of the boot record               never crosses a 64 KiB border; before that,
 *                                                  stage2's packed file, up to 5C000
 *                                            50000 stage2's bss, up to 5C000
 *                                            top of conventional memory: resident handler
 */
#ifndef STAGE2_LAYOUT_H
#define STAGE2_LAYOUT_H

/* Between the BIOS data area and the lowest place that a loader goes to. */
#define LEAVE_ADDRESS       0x0500
#define LEAVE_END           0x0600

#define MBR_RELOCATED       0x0600
/* The partition's entry, for the boot record: where it lies in the MBR that was moved. */
#define MBR_ENTRY           0x07BE
#define BOOT_ADDRESS        0x7C00
#define VBR_SIZE            0x2000
#define MBR_CODE_MAX        440

/* The boot record may use [VBR_WORK, STAGE2_ADDRESS) and, above stage2, all up to the disk buffer's
 * end. It knows so many runs of $MFT, and of the root directory, and attribute lists of so many
 * bytes. */
#define VBR_WORK            0x9C00
#define VBR_RUNS_MAX        5461
#define VBR_LIST_MAX        0xF000

#define STAGE2_ADDRESS      0x10000
#define STAGE2_SEGMENT      0x1000
#define STAGE2_FILE_MAX     0x1C000
#define STAGE2_END          0x3E000
#define STAGE2_STACK_TOP    0x40000
/* Beyond the disk buffer; up to LOW_MEMORY_NEEDED. */
#define STAGE2_BSS          0x50000
#define DISK_BUFFER         0x40000
#define DISK_BUFFER_SIZE    0x10000

/* Conventional memory that a machine must have below the resident handler: up to here. */
#define LOW_MEMORY_NEEDED   0x5C000

/* Inside the resident handler's segment, which starts on a 1 KiB boundary. RESIDENT_BOUNCE counts
 * sectors. */
#define RESIDENT_SIZE_MAX   0x2000
#define RESIDENT_RUN        0x0000
#define RESIDENT_SLOTS      0x0020
#define RESIDENT_SLOT_COUNT 8
#define RESIDENT_SLOT_SIZE  24
#define RESIDENT_HEADER     0x0100
#define RESIDENT_BOUNCE     1
#define RESIDENT_STACK      1280
/* Bytes behind it, at the most, that the bounce buffer goes on in where slots for new blocks have
 * to be looked at. A slot of 2 MiB takes 64 calls of the BIOS then. */
#define RESIDENT_LOOK       0x8000

/* vhdboot.bin starts with a header (struct stage2_header in stage2/stage2_format.h). */
#define STAGE2_MAGIC        0x62646876

#endif
