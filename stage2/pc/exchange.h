/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two hard disks under each other's number, for systems that find their disk under 80h only. */
#ifndef STAGE2_PC_EXCHANGE_H
#define STAGE2_PC_EXCHANGE_H

#include <stdint.h>

/* Conventional memory that it keeps, at the end. */
#define EXCHANGE_BYTES 1024u

/* From now on INT 13h takes 80h for `number` and the other way round. `low_end` is the end of
 * conventional memory, which becomes less by EXCHANGE_BYTES. */
void exchange_with_first(uint8_t number, uint32_t low_end);

#endif
