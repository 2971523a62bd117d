/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The resident handler's C, shared by its files: int13.c (functions), disk.c (the map and the BIOS
 * below), int15.c (memory). It runs in 16-bit mode with CS = DS = ES = SS = the handler's segment,
 * one call at a time, and touches everything outside through machine/machine.h; unit tests run the
 * same files against a simulated machine. What belongs to the one call is static: 16-bit code from
 * a 32-bit compiler pays for every pointer, and 8 KiB is all there is.
 */
#ifndef RESIDENT_RESIDENT_H
#define RESIDENT_RESIDENT_H

#include <stdbool.h>
#include <stdint.h>
#include "layout.h"
#include "resident/frame.h"
#include "resident/resident_abi.h"

/* BIOS status of INT 13h. */
#define STATUS_OK              0x00
#define STATUS_PARAMETER       0x01
#define STATUS_WRITE_PROTECTED 0x03
#define STATUS_BOUNDARY        0x09 /* buffer cannot be reached, or crosses 64 KiB */
#define STATUS_CONTROLLER      0x20 /* the map cannot be reached */
#define STATUS_UNDEFINED       0xbb /* the map makes no sense: somebody wrote over it */

/* Linear addresses that seg:off can reach: up to FFFF:FFFF. */
#define FAR_END                0x10fff0u

/* Normalised seg:off of a linear address below FAR_END: 64 KiB less 16 bytes follow without a wrap
 * where the address is below 1 MiB. */
static inline uint16_t far_segment(uint32_t linear)
{
    return linear >= 0x100000 ? 0xffff : (uint16_t)(linear >> 4);
}

static inline uint16_t far_offset(uint32_t linear)
{
    return linear >= 0x100000 ? (uint16_t)(linear - 0xffff0) : linear & 15;
}

static inline uint32_t far_linear(uint16_t segment, uint16_t offset)
{
    return ((uint32_t)segment << 4) + offset;
}

/* The header, in the binary's own memory; in entry.asm. */
extern struct resident_header header;

/* For BIOSes that reach only whole sectors in identity-mapped memory. Never dereferenced: it is
 * machine memory, like the caller's buffer. */
extern uint8_t bounce[RESIDENT_BOUNCE * 512];

/* What is to be transferred. The ranges of both sides were checked. */
struct request {
    uint64_t lba;
    uint32_t count;  /* sectors still to do: 0 when all is done */
    uint32_t buffer; /* linear address */
    bool write;
};
extern struct request request;

/* Reads or writes as `request` says; it says afterwards what was not done. Returns the status. */
uint8_t disk_transfer(void);

/* Entries from entry.asm. */
void int13_disk(void);
void int15_memory(void);

#endif
