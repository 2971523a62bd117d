/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text by INT 10h, keys by INT 16h, time from the BIOS data area. Never writes to the screen's
 * memory or to a port: only what goes through the BIOS is mirrored.
 */
#include "pc/console.h"
#include "pc/bda.h"
#include "pc/bios.h"

/* The BIOS's counter starts again at midnight, after this many ticks. */
#define TICKS_PER_DAY 0x1800b0u

#define TEXT_MODE     3 /* 80 x 25, 16 colours */

/* Far more calls than fit into a tick. */
#define SETTLE_CALLS  1000000u

static uint32_t ticks_last, ticks_total;
static unsigned column; /* where the next character goes */

static uint32_t bda_ticks(void)
{
    return *(const volatile uint32_t *)bios_data(BDA_TICKS);
}

static uint8_t screen_mode(void)
{
    struct bios_regs r = {.eax = 0x0f00}; /* INT 10h AH=0Fh: current mode in AL */
    bios_call(0x10, &r);
    return r.eax & 0x7f;
}

static void screen_mode_set(uint8_t mode)
{
    struct bios_regs r = {.eax = mode}; /* INT 10h AH=00h: clears the screen */
    bios_call(0x10, &r);
}

void console_init(void)
{
    uint8_t mode = screen_mode();
    if (mode != 2 && mode != 3 && mode != 7)
        screen_mode_set(TEXT_MODE);
    ticks_last = bda_ticks();
    ticks_total = 0;
}

void console_text_mode(void)
{
    if (screen_mode() != TEXT_MODE)
        screen_mode_set(TEXT_MODE);
}

static void put(uint8_t c)
{
    struct bios_regs r = {.eax = 0x0e00u | c, .ebx = 0x0007};
    bios_call(0x10, &r);
}

uint8_t console_cp437(uint32_t code_point)
{
    /* 80h .. A8h of code page 437, the letters that titles and file names use. */
    static const uint16_t letters[] = {
        0xc7, 0xfc, 0xe9, 0xe2, 0xe4, 0xe0, 0xe5, 0xe7, 0xea, 0xeb, 0xe8, 0xef, 0xee, 0xec,
        0xc4, 0xc5, 0xc9, 0xe6, 0xc6, 0xf4, 0xf6, 0xf2, 0xfb, 0xf9, 0xff, 0xd6, 0xdc, 0xa2,
        0xa3, 0xa5, 0,    0,    0xe1, 0xed, 0xf3, 0xfa, 0xf1, 0xd1, 0xaa, 0xba, 0xbf,
    };
    if (code_point >= 0x20 && code_point < 0x7f)
        return (uint8_t)code_point;
    if (code_point == 0xdf)
        return 0xe1;
    for (unsigned i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        if (code_point > 0x7f && letters[i] == code_point)
            return (uint8_t)(0x80 + i);
    }
    return '?';
}

uint32_t console_utf8_next(const char **s)
{
    const uint8_t *p = (const uint8_t *)*s;
    uint8_t lead = *p;
    unsigned more = lead < 0x80             ? 0
                    : (lead & 0xe0) == 0xc0 ? 1
                    : (lead & 0xf0) == 0xe0 ? 2
                    : (lead & 0xf8) == 0xf0 ? 3
                                            : 0;
    uint32_t c = more ? lead & (0x3fu >> more) : lead < 0x80 ? lead : 0xfffd;
    unsigned i = 1;
    for (; i <= more; i++) { /* ends at the latest at the string's NUL, which is no such byte */
        if ((p[i] & 0xc0) != 0x80) {
            c = 0xfffd;
            break;
        }
        c = c << 6 | (p[i] & 0x3f);
    }
    *s = (const char *)p + i;
    return c;
}

/* Columns from here to the end of the word. */
static unsigned word_columns(const char *s)
{
    unsigned columns = 0;
    while (*s && *s != ' ' && *s != '\n') {
        console_utf8_next(&s);
        columns++;
    }
    return columns;
}

static void new_line(void)
{
    put('\r');
    put('\n');
    column = 0;
}

static void print(const char *s, bool lines)
{
    bool word_starts = true;
    while (*s) {
        unsigned columns = word_starts ? word_columns(s) : 0;
        if (column && columns < CONSOLE_COLUMNS && column + columns >= CONSOLE_COLUMNS)
            new_line();
        uint32_t c = console_utf8_next(&s);
        word_starts = c == ' ';
        if (lines && c == '\n') {
            new_line();
        } else {
            put(console_cp437(c));
            column = column + 1 < CONSOLE_COLUMNS ? column + 1 : 0;
        }
    }
}

void console_print(const char *s)
{
    print(s, true);
}

void console_text(const char *s)
{
    print(s, false);
}

void console_erase(void)
{
    if (!column)
        return;
    put('\b');
    put(' ');
    put('\b');
    column--;
}

void console_line(const char *a, const char *b)
{
    console_text(a);
    console_text(b);
    new_line();
}

unsigned console_row(void)
{
    struct bios_regs r = {.eax = 0x0300}; /* INT 10h AH=03h: row in DH */
    bios_call(0x10, &r);
    unsigned row = r.edx >> 8 & 0xff;
    return row < CONSOLE_ROWS ? row : CONSOLE_ROWS - 1;
}

void console_goto_row(unsigned row)
{
    struct bios_regs r = {.eax = 0x0200, .edx = row << 8};
    bios_call(0x10, &r);
    column = 0;
}

unsigned console_key_of(uint16_t ax)
{
    uint8_t c = ax & 0xff;
    if (c && c != 0xe0)
        return c;
    switch (ax >> 8) {
    case 0x47:
        return KEY_HOME;
    case 0x48:
        return KEY_UP;
    case 0x49:
        return KEY_PAGE_UP;
    case 0x4f:
        return KEY_END;
    case 0x50:
        return KEY_DOWN;
    case 0x51:
        return KEY_PAGE_DOWN;
    default:
        return KEY_OTHER;
    }
}

unsigned console_key(void)
{
    struct bios_regs r = {.eax = 0x0100}; /* INT 16h AH=01h: ZF = 1 where no key waits */
    bios_call(0x16, &r);
    if (r.eflags & BIOS_ZERO)
        return KEY_NONE;

    r = (struct bios_regs){0};
    bios_call(0x16, &r);
    return console_key_of((uint16_t)r.eax);
}

unsigned console_wait_key(uint32_t ticks)
{
    uint32_t start = console_ticks();
    for (;;) { /* ends with a key or with time; without both it is what was asked for */
        unsigned key = console_key();
        if (key || (ticks != UINT32_MAX && console_ticks() - start >= ticks))
            return key;
        bios_idle();
    }
}

void console_flush_keys(void)
{
    for (unsigned i = 0; i < 64 && console_key(); i++)
        ;
}

uint32_t console_ticks(void)
{
    uint32_t now = bda_ticks();
    if (now != ticks_last)
        ticks_total += now > ticks_last ? now - ticks_last : now + TICKS_PER_DAY - ticks_last;
    ticks_last = now;
    return ticks_total;
}

void console_settle(void)
{
    uint32_t start = console_ticks();
    for (uint32_t i = 0; i < SETTLE_CALLS && console_ticks() == start; i++) {
        struct bios_regs r = {.eax = 0x0100}; /* looks for a key, takes none; the clock runs */
        bios_call(0x16, &r);
    }
}

void console_halt(void)
{
    for (;;)
        bios_idle();
}
