/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One piece between a buffer and what holds it: a drive, memory, or nothing but zeros. */
#ifndef RESIDENT_TRANSFER_H
#define RESIDENT_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

/* Transfers the piece, or less of it, which its count then says, as `run` has it. Both end the
 * request (machine_throw) where they fail. */
void piece_transfer(void);

/* Reads a sector of the leaf's file to the bounce buffer, or writes it from there. */
void file_transfer(uint32_t sector, bool write);

#endif
