/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The BIOS data area: where the BIOS, and who stands in for it, keep what everybody may read.
 * Linear addresses, each named here and nowhere else; C includes this file, NASM reads
 * build/bda.inc, which is made from it. So: only lines of the form `#define NAME number`, with
 * comments on lines of their own.
 */
#ifndef STAGE2_PC_BDA_H
#define STAGE2_PC_BDA_H

#define BDA_SEGMENT   0x40
#define BDA_START     0x400

/* Four words: the serial ports' addresses; 0: none. */
#define BDA_SERIAL    0x400

/* Word: KiB of conventional memory, as INT 12h says. At an odd address. */
#define BDA_LOW_KIB   0x413

/* Byte: bits 0 and 1 are set while a Shift key is down. */
#define BDA_SHIFTS    0x417

/* The keyboard's buffer, and its end. */
#define BDA_KEYS      0x41E
#define BDA_KEYS_END  0x43E

/* Dword: ticks since midnight. */
#define BDA_TICKS     0x46C

/* Word: 1234h for a restart without the memory test. */
#define BDA_WARM_BOOT 0x472

/* Byte: status of the last call of INT 13h for a hard disk. */
#define BDA_HD_STATUS 0x474

/* Byte: how many hard disks there are. */
#define BDA_HD_COUNT  0x475

/* Word: rows of dots in a character of the screen's text. */
#define BDA_FONT_ROWS 0x485

/* Byte: bit 5 is set where there are Virtual DMA Services. */
#define BDA_VDS       0x47B

#endif
