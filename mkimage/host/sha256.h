/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256, by libnettle: it is small, has no state of its own, uses what the processor has for it,
 * and its license fits. */
#ifndef MKIMAGE_HOST_SHA256_H
#define MKIMAGE_HOST_SHA256_H

#include <stdbool.h>
#include <stdint.h>
#include <nettle/sha2.h>

#define SHA256_SIZE SHA256_DIGEST_SIZE
#define SHA256_HEX  (2 * SHA256_SIZE)

struct sha256 {
    struct sha256_ctx ctx;
};

void sha256_start(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, uint64_t size);
void sha256_add_zeros(struct sha256 *s, uint64_t size);
void sha256_end(struct sha256 *s, uint8_t digest[SHA256_SIZE]);

/* As sha256sum prints it, with a NUL; and back: false where it is none. */
void sha256_text(const uint8_t digest[SHA256_SIZE], char text[SHA256_HEX + 1]);
bool sha256_parse(const char *text, uint8_t digest[SHA256_SIZE]);

#endif
