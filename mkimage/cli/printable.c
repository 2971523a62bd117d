/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decides by character, not by the locale: what is said is the same everywhere. */
#include "cli/printable.h"

unsigned utf8_next(const char *s, uint32_t *character)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t *b = (const uint8_t *)s;
    unsigned n = b[0] >> 5 == 6 ? 2 : b[0] >> 4 == 14 ? 3 : b[0] >> 3 == 30 ? 4 : 1;
    uint32_t c = n == 1 ? b[0] : b[0] & (0x7fu >> n);
    for (unsigned i = 1; i < n; i++) { /* ends at a NUL at the latest, which goes on nothing */
        if (b[i] >> 6 != 2) {
            n = 1;
            c = b[0];
            break;
        }
        c = c << 6 | (b[i] & 0x3f);
    }
    bool good = n == 1 ? c < 0x80 : c >= least[n] && c < 0x110000 && (c < 0xd800 || c > 0xdfff);
    *character = good ? c : UTF8_NONE;
    return good ? n : 1;
}

bool utf8_printable(uint32_t c)
{
    bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
    bool line = c == 0x2028 || c == 0x2029;
    bool direction = c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
                     (c >= 0x2066 && c <= 0x2069);
    return c != UTF8_NONE && !control && !line && !direction;
}

void print_safely(FILE *to, const char *text)
{
    while (*text) {
        uint32_t c;
        unsigned n = utf8_next(text, &c);
        if (utf8_printable(c))
            fwrite(text, 1, n, to);
        else if (c == UTF8_NONE)
            fprintf(to, "<%02X>", (uint8_t)*text);
        else
            fprintf(to, "<U+%04X>", c);
        text += n;
    }
}
