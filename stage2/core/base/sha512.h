/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-512, for passwords. Messages of less than 512 MiB. */
#ifndef CORE_BASE_SHA512_H
#define CORE_BASE_SHA512_H

#include <stddef.h>
#include <stdint.h>
#include "core/base/bounds.h"

#define SHA512_SIZE  64
#define SHA512_BLOCK 128

/* Code of 32 and of 64 bits shares it. */
struct sha512 {
    _Alignas(8) uint64_t state[8];
    uint32_t bytes;
    uint8_t block[SHA512_BLOCK];
};
static_assert(sizeof(struct sha512) == 200, "the same for both");

void sha512_init(struct sha512 *s);
void sha512_add(struct sha512 *s, const void *data, size_t size);

/* Writes the hash; `s` has to be begun again after that. */
void sha512_end(struct sha512 *s, uint8_t hash[SHA512_SIZE]);

#endif
