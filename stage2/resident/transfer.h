/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One piece between a buffer and what holds it: a drive, memory, or nothing but zeros. */
#ifndef RESIDENT_TRANSFER_H
#define RESIDENT_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

/* Transfers the piece, or less of it, which its count then says, as `run` has it. Both end the
 * request (machine_throw) where they fail. */
void piece_transfer(void);

/* Reads the piece's count of sectors of the leaf's file to the bounce buffer, or less, or none
 * where the buffer turns out to be too large; or writes them from there. */
void file_piece(uint32_t sector, bool write);

/* The same of one sector. */
void file_transfer(uint32_t sector, bool write);

#endif
