/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Builds short UTF-8 lines in a caller's buffer without libc. Never overruns: what does not fit is
 * cut. */
#ifndef CORE_BASE_TEXT_H
#define CORE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *buf; /* always NUL-terminated once text_init ran */
    size_t size;
    size_t len;
};

/* `size` is at least 1 and counts the terminating NUL. */
void text_init(struct text *t, char *buf, size_t size);
void text_char(struct text *t, char c);
void text_str(struct text *t, const char *s);
void text_u64(struct text *t, uint64_t value);   /* decimal */
void text_hex(struct text *t, uint64_t value);   /* lower case, no leading zeros, no 0x */
void text_bytes(struct text *t, uint64_t bytes); /* "20 GiB", "63.5 KiB", "12 bytes" */

/* Copies `sentence`, %u and %x replaced by value in decimal and 0x-hexadecimal, %U by other in
 * decimal; %% is a percent. */
void text_sentence(struct text *t, const char *sentence, uint64_t value, uint64_t other);

/* UTF-16LE code units to UTF-8; a lone surrogate becomes U+FFFD. */
void text_utf16le(struct text *t, const uint8_t *units, size_t unit_count);

size_t text_length(const char *s);
int text_compare(const char *a, const char *b); /* as strcmp */

/* Are the `length` bytes at `a` all of `b`, but for the case of ASCII letters? */
bool text_same_caseless(const char *a, size_t length, const char *b);

/* What a hexadecimal digit is worth; -1: it is none. */
int text_hex_digit(uint32_t c);

#endif
