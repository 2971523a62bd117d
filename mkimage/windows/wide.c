/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is no UTF-8 is refused, and never written. */
#include "windows/wide.h"
#include "cli/printable.h"

static bool add(struct wide *w, unsigned unit)
{
    if (w->size + 2 > sizeof w->data)
        return false;
    w->data[w->size++] = (uint8_t)unit;
    w->data[w->size++] = (uint8_t)(unit >> 8);
    return true;
}

bool wide_make(struct wide *w, const char *utf8)
{
    w->size = 0;
    while (*utf8) {
        uint32_t c;
        utf8 += utf8_next(utf8, &c);
        if (c == UTF8_NONE)
            return false;
        bool ok = c < 0x10000 ? add(w, c)
                              : add(w, 0xd800 | (c - 0x10000) >> 10) &&
                                    add(w, 0xdc00 | ((c - 0x10000) & 0x3ff));
        if (!ok)
            return false;
    }
    return add(w, 0);
}

unsigned wide_capital(const uint8_t *at)
{
    unsigned unit = at[0] | at[1] << 8;
    return unit >= 'a' && unit <= 'z' ? unit - 'a' + 'A' : unit;
}
