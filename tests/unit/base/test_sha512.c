/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-512 by the examples of FIPS 180-4. */
#include "unit/unit.h"
#include "core/base/sha512.h"

static const char *hash_of(const void *data, size_t size, size_t piece)
{
    static char hex[2 * SHA512_SIZE + 1];
    uint8_t hash[SHA512_SIZE];
    struct sha512 s;
    sha512_init(&s);
    for (size_t at = 0; at < size; at += piece)
        sha512_add(&s, (const uint8_t *)data + at, piece < size - at ? piece : size - at);
    sha512_end(&s, hash);
    for (unsigned i = 0; i < sizeof hash; i++)
        sprintf(hex + 2 * i, "%02x", hash[i]);
    return hex;
}

static const struct {
    const char *message, *hash;
} examples[] = {
    {"", "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
         "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"},
    {"abc", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnop"
     "qrsmnopqrstnopqrstu",
     "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
     "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909"},
};

TEST(sha512_examples)
{
    for (unsigned i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        size_t size = strlen(examples[i].message);
        CHECK_STR(hash_of(examples[i].message, size, 1000), examples[i].hash);
        CHECK_STR(hash_of(examples[i].message, size, 7), examples[i].hash);
    }
}

TEST(sha512_a_million)
{
    static char a[1000000];
    memset(a, 'a', sizeof a);
    CHECK_STR(hash_of(a, sizeof a, 4099),
              "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"
              "de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b");
}
