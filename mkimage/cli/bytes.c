/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes both ways. Says nothing itself: its callers know what a wrong one is to be called. */
#include "cli/bytes.h"
#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include "core/base/text.h"

bool bytes_parse_number(const char *text, uint64_t *value)
{
    if (*text < '0' || *text > '9')
        return false;
    uint64_t v = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
            return false;
    }
    *value = v;
    return !*text;
}

bool bytes_parse(const char *text, uint64_t *bytes)
{
    static const char units[] = "KMGT";
    char digits[32];
    size_t length = strspn(text, "0123456789");
    if (!length || length >= sizeof digits)
        return false;
    memcpy(digits, text, length);
    digits[length] = '\0';
    uint64_t value;
    if (!bytes_parse_number(digits, &value))
        return false;

    const char *unit = text + length;
    const char *letter = *unit ? strchr(units, toupper((unsigned char)*unit)) : NULL;
    bool decimal = letter && !strcasecmp(unit + 1, "B");
    if (letter ? unit[1] && !decimal && strcasecmp(unit + 1, "iB") : *unit && strcasecmp(unit, "B"))
        return false;
    for (ptrdiff_t i = letter ? letter - units + 1 : 0; i; i--) {
        if (__builtin_mul_overflow(value, decimal ? (uint64_t)1000 : (uint64_t)1024, &value))
            return false;
    }
    *bytes = value;
    return true;
}

const char *bytes_text(uint64_t bytes)
{
    static char buffer[4][32];
    static unsigned next;
    char *buf = buffer[next++ % 4];
    struct text t;
    text_init(&t, buf, sizeof buffer[0]);
    text_bytes(&t, bytes);
    return buf;
}
