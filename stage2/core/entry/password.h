/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Passwords of the config: `pbkdf2-sha512:ITERATIONS:SALT:HASH`, salt and hash in hexadecimal. The
 * hash is PBKDF2-HMAC-SHA512's first 64 bytes (RFC 8018). It is computed in slices, so that whoever
 * waits for it can give up.
 */
#ifndef CORE_ENTRY_PASSWORD_H
#define CORE_ENTRY_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/bounds.h"
#include "core/base/sha512.h"

#define PASSWORD_SCHEME         "pbkdf2-sha512"
#define PASSWORD_SALT_SIZE      16
#define PASSWORD_ITERATIONS_MIN 20000u
#define PASSWORD_ITERATIONS_MAX 100000000u

/* The longest password, in bytes: one block of the hash has room for more. */
#define PASSWORD_MAX            100

struct password {
    uint32_t iterations; /* 0: its line is bad, and no password is the right one */
    uint8_t salt[PASSWORD_SALT_SIZE];
    uint8_t hash[SHA512_SIZE];
};

/* Reads `length` bytes of text. Returns NULL, or the sentence that says what is wrong with them:
 * then `p` is a password that nothing opens. */
const char *password_parse(struct password *p, const char *text, size_t length);

struct pbkdf2 {
    struct sha512 inner, outer; /* the key's two blocks, hashed */
    uint8_t last[SHA512_SIZE];
    uint8_t sum[SHA512_SIZE]; /* the result, once `left` is 0 */
    uint32_t left;            /* iterations */
};
static_assert(sizeof(struct pbkdf2) == 536, "the same for code of 32 and of 64 bits");

/* Begins the computation of a password's hash; `iterations` is at least 1, `length` at most
 * SHA512_BLOCK. */
void pbkdf2_begin(struct pbkdf2 *k, const char *password, size_t length, const void *salt,
                  size_t salt_size, uint32_t iterations);

/* Does up to `count` iterations. Returns whether there are more to do. */
bool pbkdf2_go(struct pbkdf2 *k, uint32_t count);

/* Is the computed hash the password's? Takes as long for one answer as for the other. */
bool password_matches(const struct password *p, const struct pbkdf2 *k);

#endif
