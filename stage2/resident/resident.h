/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all of the resident handler's C shares. It runs in 16-bit mode with CS = DS = ES = SS = the
 * handler's segment, one call at a time, and touches everything outside through machine/machine.h;
 * unit tests run the same files against a simulated machine. A failure anywhere ends the request:
 * machine_throw() does not return. 8 KiB is all there is, code, stack and caches; but for slots
 * that have to be looked at, for which the buffer at their end goes on.
 *
 *   int13 (functions) -> disk (the loop) -> grow (the map's changes) -> transfer (a piece)
 *   -> cells (the map) -> request (what is to be done): none calls one to its left
 */
#ifndef RESIDENT_RESIDENT_H
#define RESIDENT_RESIDENT_H

#include <stdint.h>
#include "resident/resident_abi.h"

/* BIOS status of INT 13h. */
#define STATUS_OK              0x00
#define STATUS_PARAMETER       0x01
#define STATUS_WRITE_PROTECTED 0x03
#define STATUS_BOUNDARY        0x09 /* buffer cannot be reached, or crosses 64 KiB */
#define STATUS_CONTROLLER      0x20 /* the map cannot be reached */
#define STATUS_NOT_READY       0xaa /* a call while the handler is at work */
#define STATUS_UNDEFINED       0xbb /* the map makes no sense: somebody wrote over it */
#define STATUS_FAULT           0xcc /* a write that has no place to go */

/* Linear addresses that seg:off can reach: up to FFFF:FFFF. */
#define FAR_END                0x10fff0u

static inline uint32_t far_linear(uint16_t segment, uint16_t offset)
{
    return ((uint32_t)segment << 4) + offset;
}

/* The header, in the binary's own memory; in entry.asm. */
extern struct resident_header header;

/* For sectors of the leaf's file, and in place of the caller's buffer where the BIOS cannot reach
 * that one: header.bounce_sectors of them. */
extern uint8_t bounce[];

/* The handler's segment has 32 unused bytes in front of the drive slots, and 32 behind them. */
#define IN_LOW   __attribute__((section(".bss.low")))
#define IN_GAP   __attribute__((section(".bss.gap")))

/* What assembly uses: the compiler takes the C for the whole program and keeps nothing else. */
#define FROM_ASM __attribute__((externally_visible))

#endif
