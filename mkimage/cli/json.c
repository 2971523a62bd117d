/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects and arrays nest a few levels deep, so what is open is kept in an array. Whatever bytes
 * a name holds, what comes out is valid JSON that a terminal can show: a byte that is no UTF-8
 * becomes U+FFFD, what is not printable is escaped.
 */
#include "cli/json.h"
#include <inttypes.h>
#include <stdio.h>
#include "cli/printable.h"

#define DEPTH_MAX 8

static char closing[DEPTH_MAX];
static bool filled[DEPTH_MAX];
static unsigned depth;
static bool written;

static void quoted(const char *value)
{
    putchar('"');
    for (const char *s = value; *s;) {
        uint32_t c;
        unsigned n = utf8_next(s, &c);
        if (c == UTF8_NONE) /* a byte of a host's file name that is no UTF-8 */
            fputs("\\ufffd", stdout);
        else if (c == '"' || c == '\\')
            printf("\\%c", *s);
        else if (!utf8_printable(c)) /* all of them have four digits at the most */
            printf("\\u%04x", c);
        else
            fwrite(s, 1, n, stdout);
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
    written = true;
    putchar(opening);
    closing[depth] = close;
    filled[depth++] = false;
}

bool json_written(void)
{
    return written;
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
