/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers and sizes, as a command line writes them and as messages tell them. */
#ifndef MKIMAGE_CLI_BYTES_H
#define MKIMAGE_CLI_BYTES_H

#include <stdbool.h>
#include <stdint.h>

/* "20G" or "20GiB" to bytes, and "20GB" as those mean it who sell drives, in powers of 1000; false
 * where it is no SIZE or too large. */
bool bytes_parse(const char *text, uint64_t *bytes);

/* Decimal digits and nothing else; false where it is no such number or too large. */
bool bytes_parse_number(const char *text, uint64_t *value);

/* "20 GiB", "1.5 MiB" in one of a few static buffers, for use inside one call. */
const char *bytes_text(uint64_t bytes);

#endif
