/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects and arrays nest a few levels deep, so what is open is kept in an array. Whatever bytes
 * a name holds, what comes out is valid JSON: a byte that is no UTF-8 becomes U+FFFD.
 */
#include "cli/json.h"
#include <inttypes.h>
#include <stdio.h>

#define DEPTH_MAX 8

static char closing[DEPTH_MAX];
static bool filled[DEPTH_MAX];
static unsigned depth;

/* The length of the valid UTF-8 character at s, or 0. Overlong forms and surrogates are none. */
static unsigned utf8_length(const uint8_t *s)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned n = s[0] < 0x80       ? 1
                 : s[0] >> 5 == 6  ? 2
                 : s[0] >> 4 == 14 ? 3
                 : s[0] >> 3 == 30 ? 4
                                   : 0;
    if (n < 2)
        return n;
    uint32_t c = s[0] & (0x7fu >> n);
    for (unsigned i = 1; i < n; i++) {
        if (s[i] >> 6 != 2)
            return 0;
        c = c << 6 | (s[i] & 0x3f);
    }
    return c >= least[n] && c < 0x110000 && (c < 0xd800 || c > 0xdfff) ? n : 0;
}

static void quoted(const char *value)
{
    putchar('"');
    for (const uint8_t *s = (const uint8_t *)value; *s;) {
        unsigned n = utf8_length(s);
        if (!n) { /* a byte of a host's file name that is no UTF-8 */
            fputs("\\ufffd", stdout);
            n = 1;
        } else if (*s == '"' || *s == '\\') {
            printf("\\%c", *s);
        } else if (*s < 0x20 || *s == 0x7f) {
            printf("\\u%04x", *s);
        } else {
            fwrite(s, 1, n, stdout);
        }
        s += n;
    }
    putchar('"');
}

static void begin(const char *name)
{
    if (depth) {
        fputs(filled[depth - 1] ? ", " : "", stdout);
        filled[depth - 1] = true;
    }
    if (name) {
        quoted(name);
        fputs(": ", stdout);
    }
}

static void open_level(const char *name, char opening, char close)
{
    begin(name);
    putchar(opening);
    closing[depth] = close;
    filled[depth++] = false;
}

void json_object(const char *name)
{
    open_level(name, '{', '}');
}

void json_array(const char *name)
{
    open_level(name, '[', ']');
}

void json_end(void)
{
    putchar(closing[--depth]);
    if (!depth)
        putchar('\n');
}

void json_string(const char *name, const char *value)
{
    begin(name);
    if (value)
        quoted(value);
    else
        fputs("null", stdout);
}

void json_number(const char *name, uint64_t value)
{
    begin(name);
    printf("%" PRIu64, value);
}

void json_bool(const char *name, bool value)
{
    begin(name);
    fputs(value ? "true" : "false", stdout);
}

void json_null(const char *name)
{
    begin(name);
    fputs("null", stdout);
}
