/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every letter goes through text_char() or text_code_point(), which never write past the buffer. */
#include "core/base/text.h"

void text_init(struct text *t, char *buf, size_t size)
{
    *t = (struct text){.buf = buf, .size = size};
    buf[0] = '\0';
}

void text_char(struct text *t, char c)
{
    if (t->len + 1 >= t->size)
        return;
    t->buf[t->len++] = c;
    t->buf[t->len] = '\0';
}

static bool continues_character(char c)
{
    return ((uint8_t)c & 0xc0) == 0x80;
}

/* Where it is cut, then before a character: half of one could not be shown. */
void text_str(struct text *t, const char *s)
{
    while (*s && t->len + 1 < t->size)
        text_char(t, *s++);
    if (!continues_character(*s))
        return;
    for (unsigned i = 0; i < 3 && t->len && continues_character(t->buf[t->len - 1]); i++)
        t->len--;
    if (t->len && (uint8_t)t->buf[t->len - 1] >= 0xc0)
        t->len--;
    t->buf[t->len] = '\0';
}

/* Divides by ten in 32-bit steps, as core does without 64-bit division. Returns the remainder. */
static uint32_t divide_by_ten(uint64_t *value)
{
    uint64_t quotient = 0;
    uint32_t remainder = 0;
    for (int shift = 48; shift >= 0; shift -= 16) {
        uint32_t part = remainder << 16 | (uint32_t)(*value >> shift & 0xffff);
        quotient = quotient << 16 | part / 10;
        remainder = part % 10;
    }
    *value = quotient;
    return remainder;
}

void text_u64(struct text *t, uint64_t value)
{
    char digits[20];
    unsigned count = 0;
    do
        digits[count++] = (char)('0' + divide_by_ten(&value));
    while (value);
    while (count)
        text_char(t, digits[--count]);
}

void text_hex(struct text *t, uint64_t value)
{
    int shift = 60;
    while (shift && !(value >> shift))
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        text_char(t, "0123456789abcdef"[value >> shift & 15]);
}

void text_bytes(struct text *t, uint64_t bytes)
{
    static const char *const unit[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned shift = 0;
    while (bytes >> shift >= 1024)
        shift += 10;

    text_u64(t, bytes >> shift);
    uint64_t rest = shift ? bytes & (((uint64_t)1 << shift) - 1) : 0;
    uint32_t tenths = shift ? (uint32_t)((rest >> (shift - 10)) * 10 >> 10) : 0;
    if (tenths) {
        text_char(t, '.');
        text_char(t, (char)('0' + tenths));
    }
    text_char(t, ' ');
    text_str(t, unit[shift / 10]);
}

void text_sentence(struct text *t, const char *sentence, uint64_t value, uint64_t other)
{
    for (const char *s = sentence; *s; s++) {
        if (*s != '%' || !s[1]) {
            text_char(t, *s);
            continue;
        }
        s++;
        if (*s == 'u') {
            text_u64(t, value);
        } else if (*s == 'U') {
            text_u64(t, other);
        } else if (*s == 'x') {
            text_str(t, "0x");
            text_hex(t, value);
        } else {
            text_char(t, *s);
        }
    }
}

/* A multi-byte character goes in whole or not at all, so that a cut line stays UTF-8. */
static void text_code_point(struct text *t, uint32_t c)
{
    unsigned bytes = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (t->len + bytes >= t->size)
        return;
    if (bytes == 1) {
        text_char(t, (char)c);
        return;
    }
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    text_char(t, (char)(lead[bytes] | c >> (6 * (bytes - 1))));
    for (int i = (int)bytes - 2; i >= 0; i--)
        text_char(t, (char)(0x80 | (c >> (6 * i) & 0x3f)));
}

void text_utf16le(struct text *t, const uint8_t *units, size_t unit_count)
{
    for (size_t i = 0; i < unit_count; i++) {
        uint32_t c = (uint32_t)units[2 * i] | (uint32_t)units[2 * i + 1] << 8;
        bool high = c >= 0xd800 && c < 0xdc00;
        if (high && i + 1 < unit_count) {
            uint32_t low = (uint32_t)units[2 * i + 2] | (uint32_t)units[2 * i + 3] << 8;
            if (low >= 0xdc00 && low < 0xe000) {
                text_code_point(t, 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00)));
                i++;
                continue;
            }
        }
        text_code_point(t, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
    }
}

size_t text_length(const char *s)
{
    size_t n = 0;
    while (s[n])
        n++;
    return n;
}

int text_compare(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool text_same_caseless(const char *a, size_t length, const char *b)
{
    for (size_t i = 0; i < length; i++) { /* ends: at b's NUL at the latest */
        if (!b[i] || lower(a[i]) != lower(b[i]))
            return false;
    }
    return !b[length];
}

int text_hex_digit(uint32_t c)
{
    if (c >= '0' && c <= '9')
        return (int)(c - '0');
    c |= 'a' - 'A';
    return c >= 'a' && c <= 'f' ? (int)(c - 'a' + 10) : -1;
}
