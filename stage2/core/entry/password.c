/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Passwords: their line, PBKDF2-HMAC-SHA512, the comparison. A line with any fault opens nothing.
 */
#include "core/entry/password.h"
#include "core/base/mem.h"
#include "core/base/text.h"

/* Reads exactly `size` bytes in hexadecimal, up to a colon or the end. */
static bool hex(const char **at, const char *end, uint8_t *to, size_t size)
{
    const char *p = *at;
    for (size_t i = 0; i < size; i++, p += 2) {
        if (end - p < 2)
            return false;
        int high = text_hex_digit((uint8_t)p[0]), low = text_hex_digit((uint8_t)p[1]);
        if (high < 0 || low < 0)
            return false;
        to[i] = (uint8_t)(high << 4 | low);
    }
    *at = p;
    return true;
}

static bool colon(const char **at, const char *end)
{
    return *at < end && *(*at)++ == ':';
}

const char *password_parse(struct password *p, const char *text, size_t length)
{
    const char *end = text + length;
    size_t scheme = text_length(PASSWORD_SCHEME);
    uint32_t iterations = 0;
    *p = (struct password){0};
    if (length <= scheme || !text_same_caseless(text, scheme, PASSWORD_SCHEME) ||
        text[scheme] != ':')
        return "a password begins with " PASSWORD_SCHEME;

    for (text += scheme + 1; text < end && *text >= '0' && *text <= '9'; text++) {
        iterations = iterations * 10 + (uint32_t)(*text - '0');
        if (iterations > PASSWORD_ITERATIONS_MAX)
            return "a password has at most 100000000 iterations";
    }
    if (iterations < PASSWORD_ITERATIONS_MIN)
        return "a password has at least 20000 iterations";
    if (!colon(&text, end) || !hex(&text, end, p->salt, sizeof p->salt) || !colon(&text, end))
        return "a password's salt is 16 bytes in hexadecimal";
    if (!hex(&text, end, p->hash, sizeof p->hash) || text != end)
        return "a password's hash is 64 bytes in hexadecimal";
    p->iterations = iterations;
    return NULL;
}

/* The outer hash of what `s`, which goes on from k->inner, has got. */
static void hmac_end(const struct pbkdf2 *k, struct sha512 *s, uint8_t hash[SHA512_SIZE])
{
    sha512_end(s, hash);
    *s = k->outer;
    sha512_add(s, hash, SHA512_SIZE);
    sha512_end(s, hash);
}

static void add_key(struct sha512 *s, const char *password, size_t length, uint8_t pad)
{
    uint8_t block[SHA512_BLOCK];
    memset(block, pad, sizeof block);
    for (size_t i = 0; i < length && i < sizeof block; i++)
        block[i] ^= (uint8_t)password[i];
    sha512_init(s);
    sha512_add(s, block, sizeof block);
    memset(block, 0, sizeof block);
    __asm__ volatile("" : : "r"(block) : "memory"); /* the key's trace is really gone */
}

void pbkdf2_begin(struct pbkdf2 *k, const char *password, size_t length, const void *salt,
                  size_t salt_size, uint32_t iterations)
{
    static const uint8_t first_block[4] = {0, 0, 0, 1};
    add_key(&k->inner, password, length, 0x36);
    add_key(&k->outer, password, length, 0x5c);
    struct sha512 s = k->inner;
    sha512_add(&s, salt, salt_size);
    sha512_add(&s, first_block, sizeof first_block);
    hmac_end(k, &s, k->last);
    memcpy(k->sum, k->last, sizeof k->sum);
    k->left = iterations - 1;
}

bool pbkdf2_go(struct pbkdf2 *k, uint32_t count)
{
    for (; count && k->left; count--, k->left--) {
        struct sha512 s = k->inner;
        sha512_add(&s, k->last, sizeof k->last);
        hmac_end(k, &s, k->last);
        for (unsigned i = 0; i < sizeof k->sum; i++)
            k->sum[i] ^= k->last[i];
    }
    return k->left;
}

bool password_matches(const struct password *p, const struct pbkdf2 *k)
{
    uint8_t difference = 0;
    for (unsigned i = 0; i < sizeof p->hash; i++)
        difference |= p->hash[i] ^ k->sum[i];
    return !difference && p->iterations && !k->left;
}
