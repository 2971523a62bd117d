/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes both ways. Says nothing itself: its callers know what a wrong one is to be called. */
#include "cli/bytes.h"
#include <stddef.h>
#include <string.h>
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
    char digits[32];
    size_t length = strlen(text);
    if (!length || length >= sizeof digits)
        return false;
    memcpy(digits, text, length + 1);

    static const char units[] = "KMGT";
    char last = digits[length - 1];
    const char *unit = strchr(units, last >= 'a' && last <= 'z' ? last - 'a' + 'A' : last);
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (unit)
        digits[length - 1] = '\0';
    uint64_t value;
    if (!bytes_parse_number(digits, &value) || value > UINT64_MAX >> shift)
        return false;
    *bytes = value << shift;
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
