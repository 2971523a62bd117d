/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Letters that code page 437 lacks, loaded into a VGA in the place of characters that nobody needs
 * at the moment. Not where something else than the VGA's own BIOS shows the text: what mirrors the
 * screen would show the old characters.
 */
#ifndef STAGE2_PC_FONT_H
#define STAGE2_PC_FONT_H

#include <stdbool.h>
#include <stdint.h>

/* Begins with no letter loaded. `visible`: on the screen, and not just over a serial line. */
void font_begin(bool visible);

/* The character that stands for the code point from now on; 0: it cannot be had. */
uint8_t font_glyph(uint32_t code_point);

/* The character is wanted as it is in code page 437. Returns whether it still is that. */
bool font_keep(uint8_t glyph);

/* The code point that the character stands for. */
uint32_t font_code_point(uint8_t glyph);

/* The VGA's own characters are back. */
void font_end(void);

#endif
