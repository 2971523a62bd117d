/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deflate: blocks of literal bytes and of copies of what came before, as symbols of Huffman codes;
 * a block brings its codes along, as the length of each symbol's code. The first bit of a byte is
 * its lowest one; of a code, its highest one comes first.
 *
 * Runs before anything else of stage2 is there: it calls nothing, not even memcpy, and its loops
 * are written for few bytes of code, not for speed. stage2.mk looks whether it is so.
 */
#include "core/base/inflate.h"

#define CODE_BITS_MAX 15u
#define LITERALS_MAX  288u /* symbols: 256 bytes, the end, and lengths */
#define DISTANCES_MAX 32u
#define END_OF_BLOCK  256u
#define LENGTHS_FIRST 257u
#define LENGTHS_LAST  285u
#define DISTANCE_LAST 29u
#define LENGTH_CODES  19u /* symbols of the code that the codes' lengths are written in */
#define NO_SYMBOL     0xffffu

enum block_kind { BLOCK_STORED, BLOCK_FIXED, BLOCK_OWN_CODES };

struct inflate {
    const uint8_t *in, *in_end;
    uint8_t *start, *out, *out_end;
    uint32_t byte; /* being read, shifted; above its bits stands a 1 */
    bool bad;      /* the input ended, or makes no sense: all that is read from now on is 0 */
};

/* The codes of one length follow each other, in the order of their symbols. */
struct code {
    uint16_t count[CODE_BITS_MAX + 1]; /* of each length */
    uint16_t symbol[LITERALS_MAX];
};

static uint32_t take_bit(struct inflate *s)
{
    if (s->byte <= 1) {
        s->bad |= s->in == s->in_end;
        s->byte = s->bad ? 0x100 : 0x100u | *s->in++;
    }
    uint32_t bit = s->byte & 1;
    s->byte >>= 1;
    return bit;
}

static uint32_t take_bits(struct inflate *s, unsigned count)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < count; i++)
        value |= take_bit(s) << i;
    return value;
}

static void code_make(struct code *code, const uint8_t *length, unsigned symbols)
{
    unsigned at = 0;
    for (unsigned bits = 0; bits <= CODE_BITS_MAX; bits++) {
        unsigned from = at;
        for (unsigned i = 0; bits && i < symbols; i++) {
            if (length[i] == bits)
                code->symbol[at++] = (uint16_t)i;
        }
        code->count[bits] = (uint16_t)(at - from);
    }
}

/* Whatever the lengths were: `value` never falls below `first`, so that no symbol lies outside. */
static unsigned take_symbol(struct inflate *s, const struct code *code)
{
    uint32_t value = 0, first = 0, at = 0;
    for (unsigned bits = 1; bits <= CODE_BITS_MAX; bits++) {
        value |= take_bit(s);
        uint32_t count = code->count[bits];
        if (value - first < count)
            return code->symbol[at + value - first];
        at += count;
        first = (first + count) << 1;
        value <<= 1;
    }
    s->bad = true;
    return NO_SYMBOL;
}

static void put(struct inflate *s, uint8_t byte)
{
    s->bad |= s->out == s->out_end;
    if (!s->bad)
        *s->out++ = byte;
}

/* A length, or a distance, of which `high` is the first bits: 0 to 3 stand for themselves in the
 * table of distances, 0 to 7 in that of lengths. */
static uint32_t take_rest(struct inflate *s, uint32_t high, unsigned shift)
{
    uint32_t step = 1u << shift;
    if (high < 2 * step)
        return high;
    unsigned extra = (high >> shift) - 1;
    return ((step | (high & (step - 1))) << extra) + take_bits(s, extra);
}

static void copy_back(struct inflate *s, unsigned symbol, const struct code *distances)
{
    s->bad |= symbol > LENGTHS_LAST;
    if (s->bad)
        return;
    uint32_t length = symbol == LENGTHS_LAST ? 255 : take_rest(s, symbol - LENGTHS_FIRST, 2);
    unsigned high = take_symbol(s, distances);
    uint32_t distance = high > DISTANCE_LAST ? UINT32_MAX : take_rest(s, high, 1) + 1;
    s->bad |= distance > (size_t)(s->out - s->start);
    for (length += 3; length && !s->bad; length--)
        put(s, s->out[-(ptrdiff_t)distance]);
}

static void take_packed(struct inflate *s, const struct code *literals,
                        const struct code *distances)
{
    while (!s->bad) { /* ends: a symbol takes at least a bit off the input */
        unsigned symbol = take_symbol(s, literals);
        if (symbol == END_OF_BLOCK)
            return;
        if (symbol < END_OF_BLOCK)
            put(s, (uint8_t)symbol);
        else
            copy_back(s, symbol, distances);
    }
}

static void take_stored(struct inflate *s)
{
    s->byte = 0; /* what is left of it means nothing */
    uint32_t length = take_bits(s, 16);
    s->bad |= (length ^ take_bits(s, 16)) != 0xffff;
    for (; length && !s->bad; length--)
        put(s, (uint8_t)take_bits(s, 8));
}

/* Reads the lengths of both codes' symbols, which follow each other: `symbols` in all. */
static void take_lengths(struct inflate *s, struct code *code, uint8_t *length, unsigned symbols)
{
    static const uint8_t order[LENGTH_CODES] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                11, 4,  12, 3, 13, 2, 14, 1, 15};
    unsigned given = take_bits(s, 4) + 4;
    for (unsigned i = 0; i < LENGTH_CODES; i++)
        length[order[i]] = i < given ? (uint8_t)take_bits(s, 3) : 0;
    code_make(code, length, LENGTH_CODES);
    for (unsigned at = 0; at < symbols && !s->bad;) { /* ends: at grows */
        unsigned symbol = take_symbol(s, code), count = 1;
        uint8_t same = symbol < 16 ? (uint8_t)symbol : 0;
        if (symbol == 16) {
            s->bad |= !at;
            same = at ? length[at - 1] : 0;
            count = 3 + take_bits(s, 2);
        } else if (symbol > 16) {
            count = symbol == 17 ? 3 + take_bits(s, 3) : 11 + take_bits(s, 7);
        }
        s->bad |= count > symbols - at;
        for (; count && !s->bad; count--)
            length[at++] = same;
    }
}

static void take_block(struct inflate *s, enum block_kind kind)
{
    struct code literals, distances;
    uint8_t length[LITERALS_MAX + DISTANCES_MAX];
    unsigned symbols = LITERALS_MAX, far = DISTANCES_MAX;
    if (kind == BLOCK_FIXED) {
        for (unsigned i = 0; i < LITERALS_MAX + DISTANCES_MAX; i++)
            length[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : i < LITERALS_MAX ? 8 : 5;
    } else {
        symbols = LENGTHS_FIRST + take_bits(s, 5);
        far = 1 + take_bits(s, 5);
        take_lengths(s, &literals, length, symbols + far); /* at most 257 + 31, and 1 + 31 */
    }
    if (s->bad)
        return;
    code_make(&literals, length, symbols);
    code_make(&distances, length + symbols, far);
    take_packed(s, &literals, &distances);
}

bool inflate(struct view packed, uint8_t *out, size_t size)
{
    struct inflate s = {packed.data, packed.data + packed.size, out, out, out + size, 0, false};
    bool last = false;
    while (!last && !s.bad) { /* ends: a block takes at least three bits off the input */
        last = take_bit(&s);
        enum block_kind kind = (enum block_kind)take_bits(&s, 2);
        if (kind == BLOCK_STORED)
            take_stored(&s);
        else if (kind <= BLOCK_OWN_CODES)
            take_block(&s, kind);
        else
            s.bad = true;
    }
    return !s.bad && s.out == s.out_end;
}
