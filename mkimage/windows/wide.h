/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UTF-8 as Windows stores text: UTF-16LE with a NUL at its end. */
#ifndef MKIMAGE_WINDOWS_WIDE_H
#define MKIMAGE_WINDOWS_WIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIDE_UNITS_MAX 1024u

struct wide {
    size_t size; /* bytes, the NUL included */
    uint8_t data[2 * WIDE_UNITS_MAX];
};

/* False: no UTF-8, or too long. */
bool wide_make(struct wide *w, const char *utf8);

/* The unit at `at`, a letter of ASCII as a capital one. */
unsigned wide_capital(const uint8_t *at);

#endif
