/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A whole screen of text that is drawn in memory first; then only rows that differ from what stands
 * there are written, by INT 10h, to the serial terminal, or to both, as console.h is told to.
 */
#ifndef STAGE2_PC_SCREEN_H
#define STAGE2_PC_SCREEN_H

#include <stdbool.h>

#define SCREEN_ROWS    25u
#define SCREEN_COLUMNS 80u

enum screen_style { SCREEN_PLAIN, SCREEN_BAR, SCREEN_ERROR };

/* Clears the screen; from now on it is drawn, until screen_end(). */
void screen_begin(void);

/* Clears the screen; text goes on at its top. */
void screen_end(void);

/* 80, or 40 where the machine has no more. */
unsigned screen_columns(void);

/* Forgets what was drawn; nothing is written yet. */
void screen_clear(void);

/* Draws UTF-8 text from `column` on, and blanks after it, `width` columns altogether. */
void screen_text(unsigned row, unsigned column, unsigned width, enum screen_style style,
                 const char *text);

/* Draws one character of code page 437 `width` times. */
void screen_fill(unsigned row, unsigned column, unsigned width, enum screen_style style,
                 unsigned char glyph);

/* Writes what differs. */
void screen_show(void);

#endif
