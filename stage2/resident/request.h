/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the caller of INT 13h wants, and the piece of it that is being done. What belongs to the one
 * call is static: 16-bit code from a 32-bit compiler pays for every pointer.
 */
#ifndef RESIDENT_REQUEST_H
#define RESIDENT_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include "pc/int13_format.h"
#include "resident/resident.h"

/* What the caller wants. The ranges of both sides were checked. */
struct request {
    struct edd_packet packet; /* count: sectors still to do, 0 when all is done; lba: the next */
    uint32_t buffer;          /* linear address */
    uint32_t from;            /* linear address of the caller's packet, or 0 */
    uint16_t total;           /* that one's count */
    bool write;
};
extern struct request request;

uint32_t request_page(void);   /* of the next sector */
uint32_t request_within(void); /* and where in it */

/* What one call of the BIOS is to do, or a copy. */
struct piece {
    struct edd_packet packet; /* its lba as the run's kind has it; machine_drive() makes offset and
                               * segment of `buffer` */
    uint32_t buffer;          /* linear address */
    uint8_t write;            /* 0 or 1 */
};
FROM_ASM extern struct piece piece;

/* Address of the bounce buffer, for who changes what is in it. */
uint32_t bounce_linear(void);

/* Address of the bits whose copy is in the bounce buffer, or 0. */
extern uint32_t bounce_bits;

/* At most so many sectors. */
void piece_limit(uint32_t sectors);

#endif
