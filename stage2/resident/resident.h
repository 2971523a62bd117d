/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The resident handler's C, shared by its files: int13.c (functions), disk.c (pieces of a request),
 * cells.c (the map), grow.c (the map's changes). It runs in 16-bit mode with CS = DS = ES = SS =
 * the handler's segment, one call at a time, and touches everything outside through
 * machine/machine.h; unit tests run the same files against a simulated machine. A failure anywhere
 * ends the request: machine_throw() does not return. What belongs to the one call is static: 16-bit
 * code from a 32-bit compiler pays for every pointer, and 8 KiB is all there is.
 */
#ifndef RESIDENT_RESIDENT_H
#define RESIDENT_RESIDENT_H

#include <stdbool.h>
#include <stdint.h>
#include "layout.h"
#include "pc/int13_format.h"
#include "resident/frame.h"
#include "resident/resident_abi.h"

/* BIOS status of INT 13h. */
#define STATUS_OK              0x00
#define STATUS_PARAMETER       0x01
#define STATUS_WRITE_PROTECTED 0x03
#define STATUS_BOUNDARY        0x09 /* buffer cannot be reached, or crosses 64 KiB */
#define STATUS_CONTROLLER      0x20 /* the map cannot be reached */
#define STATUS_UNDEFINED       0xbb /* the map makes no sense: somebody wrote over it */
#define STATUS_FAULT           0xcc /* a write that has no place to go */

#define MAP_BITMAP_BITS        4096u /* sectors that a sector of a bitmap tells about */

/* Linear addresses that seg:off can reach: up to FFFF:FFFF. */
#define FAR_END                0x10fff0u

static inline uint32_t far_linear(uint16_t segment, uint16_t offset)
{
    return ((uint32_t)segment << 4) + offset;
}

/* The header, in the binary's own memory; in entry.asm. */
extern struct resident_header header;

/* For BIOSes that reach only whole sectors in identity-mapped memory. Never dereferenced: it is
 * machine memory, like the caller's buffer. */
extern uint8_t bounce[RESIDENT_BOUNCE * 512];

/* The handler's segment has 32 unused bytes in front of the drive slots, and 32 behind them. */
#define IN_LOW   __attribute__((section(".bss.low")))
#define IN_GAP   __attribute__((section(".bss.gap")))

/* What assembly uses: the compiler takes the C for the whole program and keeps nothing else. */
#define FROM_ASM __attribute__((externally_visible))

/* What the caller wants. The ranges of both sides were checked. */
struct request {
    struct edd_packet
        packet;      /* count: sectors still to do, 0 when all is done; lba: the next one */
    uint32_t buffer; /* linear address */
    uint32_t from;   /* linear address of the caller's packet, or 0 */
    uint16_t total;  /* that one's count */
    bool write;
};
extern struct request request;

/* What one call of the BIOS is to do, or a copy. */
struct piece {
    struct edd_packet packet; /* its lba as the run's kind has it; machine.asm makes offset and
                               * segment of `buffer` */
    uint32_t buffer;          /* linear address */
    uint8_t write;            /* 0 or 1 */
};
FROM_ASM extern struct piece piece;
void piece_limit(uint32_t sectors);

#define RUN_BOTH 2 /* differs from either direction, 0 or 1, in another bit than they do */

/* Where the last piece lay. It stays from call to call: most reads go on where the last one ended.
 */
struct run {
    uint64_t disk_lba; /* of its first sector */
    uint64_t lba;      /* where that lies, as the kind of its cell has it */
    uint32_t left;     /* sectors from there on; 0: nothing is known */
    uint32_t cell;     /* low half of its cell */
    uint32_t record;   /* of a MIXED page whose bits must be set after the write, or 0 */
    uint8_t write;     /* the direction that it is right for: piece.write, or RUN_BOTH */
};
extern struct run run;

/* All below end the request (machine_throw) where they fail. */

/* cells.c */
uint32_t cell_address(uint32_t index);
uint64_t cell_at(uint32_t index);
void cell_put(uint32_t index, uint64_t cell);
void cells_forget(void);
_Noreturn void map_broken(void);
void run_find(void);
void file_find(uint32_t sector);

/* disk.c */
uint32_t request_page(void);   /* of the next sector */
uint32_t request_within(void); /* and where in it */
void file_transfer(uint32_t sector, bool write);
void disk_transfer(void);

/* grow.c */
void bits_set(uint32_t record, uint32_t within, uint32_t count);
void page_grow(uint32_t page);

/* Entries from entry.asm. */
FROM_ASM uint8_t int13_disk(void);
FROM_ASM uint8_t int13_finish(uint32_t result);

#endif
