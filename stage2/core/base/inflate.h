/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unpacks what deflate (RFC 1951) has packed: stage2 itself, for one. */
#ifndef CORE_BASE_INFLATE_H
#define CORE_BASE_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/bounds.h"

/* Unpacks one stream; `packed` and `out` do not overlap. Returns whether it made exactly `size`
 * bytes; never writes beyond them, reads nothing beyond `packed`, and takes 2 KiB of the stack. */
bool inflate(struct view packed, uint8_t *out, size_t size);

#endif
