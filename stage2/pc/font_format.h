/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The letters that are taken along, for the program that makes them and the one that shows them: a
 * row of 16 bytes each, the highest bit to the left, in this order. */
#ifndef STAGE2_PC_FONT_FORMAT_H
#define STAGE2_PC_FONT_FORMAT_H

#define FONT_ROWS 16

/* First and last: Latin; Romanian; Greek; Cyrillic; the Ukrainian one of the rest. */
#define FONT_RANGES                                                                                \
    {                                                                                              \
        {0xc0, 0x17f}, {0x218, 0x21b}, {0x386, 0x3ce}, {0x400, 0x45f}, {0x490, 0x491},             \
    }

#endif
