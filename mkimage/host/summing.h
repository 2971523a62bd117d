/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SHA-256 of what passes by on its way to somewhere else: by a thread of its own, so that who reads
 * and writes does not wait for it as long as it keeps up. A few pieces may be on their way to it,
 * never more.
 */
#ifndef MKIMAGE_HOST_SUMMING_H
#define MKIMAGE_HOST_SUMMING_H

#include <stddef.h>
#include <stdint.h>
#include "cli/say.h"
#include "host/sha256.h"

/* Small enough to stay in the processor's cache between reading, writing and summing: measurably
 * faster than a megabyte. */
#define SUMMING_PIECE ((size_t)256 << 10)

struct summing;

enum status summing_start(struct summing **s);

/* Memory for the next piece, at most SUMMING_PIECE bytes. It may be read until the next call. */
void *summing_buffer(struct summing *s);

/* Next come the first `size` bytes of that memory; so many zeros. */
void summing_add(struct summing *s, size_t size);
void summing_zeros(struct summing *s, uint64_t size);

/* The sum of all that was added; `s` is gone. */
void summing_end(struct summing *s, uint8_t digest[SHA256_SIZE]);

#endif
