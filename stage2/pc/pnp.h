/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Plug and Play BIOS, which a boot record may ask about what it was started from. */
#ifndef STAGE2_PC_PNP_H
#define STAGE2_PC_PNP_H

#include <stdint.h>

/* Linear address of its installation check, in segment PNP_SEGMENT, or 0. */
uint32_t pnp_find(void);

#define PNP_SEGMENT 0xf000

#endif
