/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What may reach a terminal as it is. Names, titles and labels come from a volume that anybody can
 * have made: a control character in one would move the cursor, recolour or overwrite what is said.
 */
#ifndef MKIMAGE_CLI_PRINTABLE_H
#define MKIMAGE_CLI_PRINTABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define UTF8_NONE UINT32_MAX

/* The character at `s`, which is no NUL: its length in bytes, and what it is; UTF8_NONE for a byte
 * that begins none. Overlong forms and surrogates are none. */
unsigned utf8_next(const char *s, uint32_t *character);

/* Neither a control character, nor one that breaks a line or turns the direction of writing. */
bool utf8_printable(uint32_t character);

/* Writes `text` to a stream; what is not printable comes as <U+001B>, a byte that is no UTF-8 as
 * <FF>. */
void print_safely(FILE *to, const char *text);

#endif
