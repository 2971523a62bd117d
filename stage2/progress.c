/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Written by characters that every terminal and every mirrored screen has. */
#include "progress.h"
#include "core/base/text.h"
#include "pc/console.h"

/* Between two looks at the bar: a firmware that sends it over a serial line is slow. */
#define SHOW_TICKS 5u

#define MIB_SHIFT  11  /* from sectors */
#define FIGURES    30u /* columns, with the brackets */
#define LINE_SIZE  (CONSOLE_COLUMNS + 1)

static uint32_t start, shown;
static unsigned columns;

void progress_line(char *line, size_t size, unsigned width, uint64_t done, uint64_t total,
                   uint32_t ticks)
{
    char figures[48];
    struct text t;
    text_init(&t, figures, sizeof figures);
    text_u64(&t, done >> MIB_SHIFT);
    text_str(&t, " of ");
    text_u64(&t, total >> MIB_SHIFT);
    text_str(&t, " MiB");
    if (ticks) {
        /* 18.2 ticks a second; what fits into memory has less than 2^23 sectors */
        uint32_t tenths = (uint32_t)done * 182 / ticks >> MIB_SHIFT;
        text_str(&t, ", ");
        text_u64(&t, tenths / 10);
        if (tenths < 100) {
            text_char(&t, '.');
            text_u64(&t, tenths % 10);
        }
        text_str(&t, " MiB/s");
    }
    /* In eights of sectors, so that the product fits 32 bits */
    unsigned bar = width - FIGURES, full = bar;
    if (done < total)
        full = (uint32_t)(done >> 3) * bar / (uint32_t)((total + 7) >> 3);
    text_init(&t, line, width < size ? width + 1 : size);
    text_char(&t, '[');
    for (unsigned i = 0; i < bar; i++)
        text_char(&t, i < full ? '#' : '.');
    text_str(&t, "] ");
    text_str(&t, figures);
    while (t.len + 1 < t.size)
        text_char(&t, ' '); /* over what a longer line has left */
}

void progress_begin(const char *path)
{
    unsigned mode;
    columns = console_columns(&mode);
    if (columns > CONSOLE_COLUMNS || columns < 40)
        columns = CONSOLE_COLUMNS;
    console_text("reading ");
    console_text(path);
    console_line(" into memory; Esc leads back", "");
    console_flush_keys(); /* Esc means this, and nothing before it */
    start = console_ticks();
    shown = start;
}

bool progress_show(uint64_t done, uint64_t total)
{
    char line[LINE_SIZE];
    bool go_on = console_key() != KEY_ESCAPE; /* the clock runs meanwhile */
    uint32_t now = console_ticks();
    if (done == total || !go_on || now - shown >= SHOW_TICKS) {
        shown = now;
        progress_line(line, sizeof line, columns - 1, done, total, now - start);
        console_rewind();
        console_text(line);
    }
    if (done == total || !go_on)
        console_line("", "");
    return go_on;
}
