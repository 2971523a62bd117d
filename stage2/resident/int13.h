/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What entry.asm calls, with the caller's registers in `frame`. */
#ifndef RESIDENT_INT13_H
#define RESIDENT_INT13_H

#include <stdint.h>
#include "resident/resident.h"

/* The function in AH for the disk. Returns the status: CF = 1 where it is not 0. */
FROM_ASM uint8_t int13_disk(void);

/* The registers and the caller's packet for an end of the request: `result` is the status, or 0 and
 * AH in the second byte. Returns the status. machine_throw() runs it on the emptied stack. */
FROM_ASM uint8_t int13_finish(uint32_t result);

#endif
