/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unicode on a screen that has the 256 characters of code page 437. */
#ifndef STAGE2_PC_GLYPHS_H
#define STAGE2_PC_GLYPHS_H

#include <stdint.h>

#define GLYPHS_MAX 3

/* What is shown for a code point; how many characters that are, at least one. Where there is
 * nothing like it, and for control characters, it is a single `?`. */
unsigned glyphs_of(uint32_t code_point, uint8_t glyph[GLYPHS_MAX]);

/* The code point of a character of code page 437. */
uint32_t glyph_code_point(uint8_t glyph);

#endif
