/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Passwords: the hash by known answers, the line with each of its faults. */
#include "unit/unit.h"
#include "core/entry/password.h"

#define SALT "00112233445566778899aabbccddeeff"
#define HASH                                                                                       \
    "d89fec5ad20522bd1b61201bd8fe5d5e7423fc5be2e95c6f450271914035b43e"                             \
    "d0e86ed218d0fbf32aa522d9b448ed04d4c140ca6733e43fce2657a2d678d4db"
#define GOOD "pbkdf2-sha512:20000:" SALT ":" HASH

/* The inputs of RFC 6070, which has the answers for SHA-1; these are two other programs'. */
TEST(pbkdf2_known_answers)
{
    static const struct {
        const char *password, *salt;
        uint32_t iterations;
        const char *hash;
    } known[] = {
        {"password", "salt", 1,
         "867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252"
         "c02d470a285a0501bad999bfe943c08f050235d7d68b1da55e63f73b60a57fce"},
        {"password", "salt", 2,
         "e1d9c16aa681708a45f5c7c4e215ceb66e011a2e9f0040713f18aefdb866d53c"
         "f76cab2868a39b9f7840edce4fef5a82be67335c77a6068e04112754f27ccf4e"},
        {"password", "salt", 4096,
         "d197b1b33db0143e018b12f3d1d1479e6cdebdcc97c5c0f87f6902e072f457b5"
         "143f30602641b3d55cd335988cb36b84376060ecd532e039b742a239434af2d5"},
        {"passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096,
         "8c0511f4c6e597c6ac6315d8f0362e225f3c501495ba23b868c005174dc4ee71"
         "115b59f9e60cd9532fa33e0f75aefe30225c583a186cd82bd4daea9724a3d3b8"},
    };
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct pbkdf2 k;
        char hex[2 * SHA512_SIZE + 1];
        pbkdf2_begin(&k, known[i].password, strlen(known[i].password), known[i].salt,
                     strlen(known[i].salt), known[i].iterations);
        while (pbkdf2_go(&k, 1000))
            ;
        for (unsigned j = 0; j < sizeof k.sum; j++)
            sprintf(hex + 2 * j, "%02x", k.sum[j]);
        CHECK_STR(hex, known[i].hash);
    }
}

static struct password password;

static const char *parse(const char *text)
{
    return password_parse(&password, text, strlen(text));
}

static bool opens(const char *typed, uint32_t iterations_done)
{
    struct pbkdf2 k;
    pbkdf2_begin(&k, typed, strlen(typed), password.salt, sizeof password.salt, 20000);
    pbkdf2_go(&k, iterations_done);
    return password_matches(&password, &k);
}

TEST(password_opens)
{
    CHECK(!parse(GOOD));
    CHECK_EQ(password.iterations, 20000);
    CHECK(opens("open sesame", 20000));
    CHECK(!opens("open sesame", 100)); /* cut off: the sum is none yet */
    CHECK(!opens("open sesamE", 20000));
    CHECK(!opens("", 20000));
}

TEST(password_bad_lines_open_nothing)
{
    static const char *const bad[] = {
        "",
        "secret",
        "pbkdf2-sha512",
        "pbkdf2-sha512:",
        "pbkdf2-sha256:20000:" SALT ":" HASH,
        "pbkdf2-sha512:4:" SALT ":" HASH,
        "pbkdf2-sha512:19999:" SALT ":" HASH,
        "pbkdf2-sha512:100000001:" SALT ":" HASH,
        "pbkdf2-sha512:4294987296:" SALT ":" HASH,
        "pbkdf2-sha512::" SALT ":" HASH,
        "pbkdf2-sha512:-20000:" SALT ":" HASH,
        "pbkdf2-sha512:20000:" SALT,
        "pbkdf2-sha512:20000:" SALT "00:" HASH,
        "pbkdf2-sha512:20000:001122:" HASH,
        "pbkdf2-sha512:20000:" SALT ":" HASH "0",
        "pbkdf2-sha512:20000:" SALT ":0" HASH,
        "pbkdf2-sha512:20000:" SALT ":" HASH " x",
        "pbkdf2-sha512:20000:" SALT ":",
        "pbkdf2-sha512:20000:" SALT ":xyz",
    };
    struct pbkdf2 typed, zeros = {0};
    CHECK(!parse(GOOD));
    pbkdf2_begin(&typed, "open sesame", 11, password.salt, sizeof password.salt, 20000);
    while (pbkdf2_go(&typed, 1000))
        ;
    CHECK(password_matches(&password, &typed));
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(parse(bad[i]));
        CHECK_EQ(password.iterations, 0);
        CHECK(!password_matches(&password, &typed));
        CHECK(!password_matches(&password, &zeros)); /* as the hash of a line that is bad is */
    }
}
