/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deflate: streams of each kind as zlib made them, and streams that lie. */
#include "unit/unit.h"
#include "core/base/inflate.h"
#include "core/base/text.h"

#define FAR 32768u

/* Bits as deflate has them: the lowest one of a byte first. */
static uint8_t stream[FAR + 1024];
static size_t bit_count;

static void bits(uint32_t value, unsigned count)
{
    for (unsigned i = 0; i < count; i++, bit_count++)
        stream[bit_count / 8] |= (uint8_t)((value >> i & 1) << bit_count % 8);
}

/* A symbol's code: its highest bit first. */
static void code(uint32_t value, unsigned count)
{
    while (count--)
        bits(value >> count & 1, 1);
}

static void begin(void)
{
    memset(stream, 0, sizeof stream);
    bit_count = 0;
}

/* Into memory of exactly that size, where the sanitizer sees each byte too many. */
static bool unpacks_to(const void *packed, size_t packed_size, const void *text, size_t size)
{
    uint8_t *in = malloc(packed_size + 1), *out = malloc(size + 1);
    memcpy(in + 1, packed, packed_size);
    bool done = inflate((struct view){in + 1, packed_size}, out + 1, size);
    bool same = done && (!text || !memcmp(out + 1, text, size));
    free(in);
    free(out);
    return same;
}

static bool made(size_t size)
{
    return unpacks_to(stream, (bit_count + 7) / 8, NULL, size);
}

static size_t from_hex(const char *hex, uint8_t *to)
{
    size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)(text_hex_digit((uint8_t)hex[2 * i]) << 4 |
                          text_hex_digit((uint8_t)hex[2 * i + 1]));
    return n;
}

/* What the stream with codes of its own holds. */
static const char own_codes[] =
    "5590510ec3300843ff778a1ea14008709e69fbadd4eefe9ae22e8ef6c913d8c6d7ebf939cecd633bde5b5a3eae1b"
    "08806b9f407d00119bc0b0a149503b34a42648002be7c9982368a205cd0c4ae800953b63002453d82dd1e8d1e111"
    "9d121d1bd9a8d030eb3215e456a6eaf8cc44266800e9d414e42ce746c1a476ff2fc38cb6819358407ec957a13940"
    "5beda08d2f";

static size_t text_of_own_codes(char *text, size_t size)
{
    char line[40];
    size_t length = 0;
    for (uint32_t x = 1; length < size;) {
        x = x * 1103515245 + 12345;
        uint32_t w = x >> 16;
        int n = snprintf(line, sizeof line, "sector %u of %u\n", w % 97, w % 1000);
        for (int i = 0; i < n && length < size; i++)
            text[length++] = line[i];
    }
    return length;
}

TEST(inflate_own_codes)
{
    uint8_t packed[200];
    char text[400];
    size_t size = text_of_own_codes(text, sizeof text);
    size_t packed_size = from_hex(own_codes, packed);
    CHECK(unpacks_to(packed, packed_size, text, size));
    CHECK(!unpacks_to(packed, packed_size, NULL, size - 1));
    CHECK(!unpacks_to(packed, packed_size, NULL, size + 1));
    for (size_t i = 0; i < packed_size; i++)
        CHECK(!unpacks_to(packed, i, NULL, size));
}

TEST(inflate_whatever_is_damaged)
{
    uint8_t packed[200];
    char text[400];
    size_t size = text_of_own_codes(text, sizeof text);
    size_t packed_size = from_hex(own_codes, packed);
    unsigned intact = 0; /* as where the length of a code that is not used is another one */
    for (unsigned i = 0; i < packed_size * 8; i++) {
        packed[i / 8] ^= (uint8_t)(1u << i % 8);
        intact += unpacks_to(packed, packed_size, text, size);
        packed[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    CHECK(intact < packed_size / 10);
}

TEST(inflate_fixed_codes)
{
    static const char text[] = "abcabcabcabcabcabcabc, and so on";
    uint8_t packed[200];
    size_t packed_size = from_hex("4b4c4a4ec4403a0a8979290ac5f90af97900", packed);
    CHECK(unpacks_to(packed, packed_size, text, sizeof text - 1));
    packed_size = from_hex("0300", packed);
    CHECK(unpacks_to(packed, packed_size, "", 0));
    CHECK(!unpacks_to(packed, packed_size, NULL, 1));
}

TEST(inflate_stored)
{
    uint8_t packed[200];
    size_t packed_size = from_hex("010500faff68656c6c6f", packed);
    CHECK(unpacks_to(packed, packed_size, "hello", 5));
    CHECK(!unpacks_to(packed, packed_size - 1, NULL, 5));
    packed_size = from_hex("010500fbff68656c6c6f", packed); /* its length is not its length */
    CHECK(!unpacks_to(packed, packed_size, NULL, 5));
    packed_size = from_hex("000500faff68656c6c6f0300", packed); /* another block follows */
    CHECK(unpacks_to(packed, packed_size, "hello", 5));
}

/* The longest copy from as far back as there is, and from one byte further. */
static void far_copy(unsigned distance_bits)
{
    begin();
    bits(0, 3); /* stored, not the last one */
    bit_count = 8;
    bits(FAR - 1, 16);
    bits(~(FAR - 1), 16);
    for (unsigned i = 0; i < FAR - 1; i++)
        bits(i % 251, 8);
    bits(1, 1); /* the last one, fixed codes */
    bits(1, 2);
    code(0x30 + 'x', 8);
    code(0xc5, 8); /* symbol 285: 258 bytes */
    code(29, 5);   /* 24577 and what follows */
    bits(distance_bits, 13);
    code(0, 7);
}

TEST(inflate_reaches_32_kib_back)
{
    uint8_t *text = malloc(FAR + 258);
    for (unsigned i = 0; i < FAR + 258; i++)
        text[i] = (uint8_t)(i < FAR - 1 ? i % 251 : i == FAR - 1 ? 'x' : text[i - FAR]);
    far_copy(0x1fff);
    CHECK(unpacks_to(stream, (bit_count + 7) / 8, text, FAR + 258));
    free(text);
    begin();
    bits(3, 3); /* fixed codes */
    code(0x30 + 'x', 8);
    code(1, 7); /* three bytes */
    code(1, 5); /* two back, where there is one */
    code(0, 7);
    CHECK(!made(4));
}

TEST(inflate_symbols_that_do_not_exist)
{
    begin();
    bits(7, 3); /* a kind of block that does not exist */
    bits(0, 32);
    CHECK(!made(0));
    for (unsigned symbol = 0xc6; symbol <= 0xc7; symbol++) { /* lengths 286 and 287 */
        begin();
        bits(3, 3);
        code(0x30 + 'x', 8);
        code(symbol, 8);
        code(0, 5);
        code(0, 7);
        CHECK(!made(4));
    }
    for (unsigned symbol = 30; symbol <= 31; symbol++) { /* distances */
        begin();
        bits(3, 3);
        code(0x30 + 'x', 8);
        code(1, 7);
        code(symbol, 5);
        bits(0, 14);
        code(0, 7);
        CHECK(!made(4));
    }
}

/* A block with codes of its own: so long are the codes for the lengths 16, 17, 18 and 0. */
static void own_block(unsigned literals, unsigned distances, unsigned of16, unsigned of17,
                      unsigned of18, unsigned of0)
{
    begin();
    bits(5, 3);
    bits(literals - 257, 5);
    bits(distances - 1, 5);
    bits(0, 4); /* four lengths are given */
    bits(of16, 3);
    bits(of17, 3);
    bits(of18, 3);
    bits(of0, 3);
}

TEST(inflate_lengths_that_lie)
{
    own_block(257, 1, 1, 0, 0, 1); /* repeats what is not there yet: 0 is code 0, 16 code 1 */
    code(1, 1);
    bits(0, 2);
    CHECK(!made(0));
    own_block(257, 1, 0, 0, 1, 1); /* 138 zeros twice are too many */
    for (unsigned i = 0; i < 2; i++) {
        code(1, 1);
        bits(127, 7);
    }
    CHECK(!made(0));
    own_block(257, 1, 0, 0, 1, 1); /* no symbol has a code, not even the end */
    code(1, 1);
    bits(127, 7);
    code(1, 1);
    bits(258 - 138 - 11, 7);
    bits(0, 32);
    bits(0, 32);
    CHECK(!made(0));
    own_block(288, 32, 1, 1, 1, 1); /* four codes of one bit */
    bits(0xaaaaaaaa, 32);
    bits(0x55555555, 32);
    for (unsigned i = 0; i < 100; i++)
        bits(0x5a, 8);
    CHECK(!made(100));
    own_block(257, 1, 0, 0, 0, 0); /* no codes for lengths at all */
    bits(0, 32);
    bits(0, 32);
    CHECK(!made(0));
}

TEST(inflate_nothing)
{
    CHECK(!unpacks_to("", 0, NULL, 0));
    CHECK(!unpacks_to("", 0, NULL, 10));
}
