/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Only wraps the library, so that nothing else knows which one it is. */
#include "host/sha256.h"
#include <stddef.h>

void sha256_start(struct sha256 *s)
{
    sha256_init(&s->ctx);
}

void sha256_add(struct sha256 *s, const void *data, uint64_t size)
{
    sha256_update(&s->ctx, (size_t)size, data);
}

void sha256_add_zeros(struct sha256 *s, uint64_t size)
{
    static const uint8_t zeros[1 << 16];
    while (size) { /* ends: size shrinks */
        uint64_t n = size < sizeof zeros ? size : sizeof zeros;
        sha256_add(s, zeros, n);
        size -= n;
    }
}

void sha256_end(struct sha256 *s, uint8_t digest[SHA256_SIZE])
{
    sha256_digest(&s->ctx, SHA256_SIZE, digest);
}

void sha256_text(const uint8_t digest[SHA256_SIZE], char text[SHA256_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < SHA256_SIZE; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    text[SHA256_HEX] = '\0';
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 87 : -1;
}

bool sha256_parse(const char *text, uint8_t digest[SHA256_SIZE])
{
    for (unsigned i = 0; i < SHA256_SIZE;
         i++) { /* a NUL is no digit, so nothing behind it is read */
        int high = digit(text[2 * i]), low = high < 0 ? -1 : digit(text[2 * i + 1]);
        if (low < 0)
            return false;
        digest[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
