/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text by INT 10h, keys by INT 16h, time from the BIOS data area; and a serial line where the
 * config wants one. Never writes to the screen's memory: only what goes through the BIOS is
 * mirrored.
 */
#include "pc/console.h"
#include "pc/bda.h"
#include "pc/bios.h"
#include "pc/glyphs.h"
#include "pc/serial.h"

/* The BIOS's counter starts again at midnight, after this many ticks. */
#define TICKS_PER_DAY 0x1800b0u

#define TEXT_MODE     3 /* 80 x 25, 16 colours */

/* A firmware that sends its screen by its timer has done so. */
#define MIRROR_TICKS  3u

/* Far more calls than fit into a tick. */
#define SETTLE_CALLS  1000000u

static uint32_t ticks_last, ticks_total;
static bool screen_off;    /* the serial line has it all */
static unsigned at_column; /* where the next character goes */

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

static bool bios_key_waits(void)
{
    struct bios_regs r = {.eax = 0x0100}; /* INT 16h AH=01h: ZF = 1 where no key waits */
    bios_call(0x16, &r);
    return !(r.eflags & BIOS_ZERO);
}

/* A blank, which goes at once or with one of the next ticks. */
static bool speak(unsigned round)
{
    for (const char *s = " \r"; !round && *s; s++) {
        struct bios_regs r = {.eax = 0x0e00u | (uint8_t)*s, .ebx = 0x0007};
        bios_call(0x10, &r);
    }
    if (round)
        bios_idle();
    return round <= MIRROR_TICKS;
}

/* Does the firmware send its screen over this port? Then it has received that as keys, or we have.
 */
static bool is_mirrored(unsigned port)
{
    bool waited = bios_key_waits();
    if (serial_is_used(port, speak))
        return true;
    if (waited || !bios_key_waits())
        return false;
    console_flush_keys();
    return true;
}

bool console_serial(unsigned port, uint32_t baud, bool and_screen)
{
    if (is_mirrored(port))
        return true;
    if (!serial_open(port, baud))
        return false;
    screen_off = !and_screen;
    return true;
}

bool console_on_screen(void)
{
    return !screen_off;
}

static void put(uint8_t c)
{
    struct bios_regs r = {.eax = 0x0e00u | c, .ebx = 0x0007};
    if (!screen_off)
        bios_call(0x10, &r);
    serial_char(glyph_code_point(c));
}

static void new_line(void)
{
    put('\r');
    put('\n');
    at_column = 0;
}

unsigned console_columns(unsigned *mode)
{
    struct bios_regs r = {.eax = 0x0f00};
    bios_call(0x10, &r);
    *mode = r.eax & 0x7f;
    return r.eax >> 8 & 0xff;
}

void console_clear(void)
{
    /* INT 10h AH=06h, AL=0: clears a window */
    struct bios_regs r = {.eax = 0x0600, .ebx = 0x0700, .edx = 0x184f};
    new_line(); /* the line is at its end for what mirrors the screen, too */
    if (!screen_off)
        bios_call(0x10, &r);
    serial_string("\x1b[0m\x1b[2J");
    console_goto_row(0);
}

void console_cells(unsigned row, unsigned at, uint8_t glyph, uint8_t attribute, unsigned count)
{
    struct bios_regs r = {.eax = 0x0200, .edx = row << 8 | at};
    if (screen_off)
        return;
    bios_call(0x10, &r);
    r = (struct bios_regs){.eax = 0x0900u | glyph, .ebx = attribute, .ecx = count};
    bios_call(0x10, &r); /* INT 10h AH=09h: so many characters; the cursor stays */
}

void console_next_row(void)
{
    if (screen_off)
        return;
    for (const char *s = "\r\n"; *s; s++) {
        struct bios_regs r = {.eax = 0x0e00u | (uint8_t)*s, .ebx = 0x0007};
        bios_call(0x10, &r);
    }
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

static void print(const char *s, bool lines)
{
    bool word_starts = true;
    while (*s) {
        unsigned columns = word_starts ? word_columns(s) : 0;
        if (at_column && columns < CONSOLE_COLUMNS && at_column + columns >= CONSOLE_COLUMNS)
            new_line();
        uint32_t c = console_utf8_next(&s);
        word_starts = c == ' ';
        if (lines && c == '\n') {
            new_line();
        } else {
            uint8_t glyph[GLYPHS_MAX];
            unsigned count = glyphs_of(c, glyph);
            for (unsigned i = 0; i < count; i++) {
                put(glyph[i]);
                at_column = at_column + 1 < CONSOLE_COLUMNS ? at_column + 1 : 0;
            }
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

void console_rewind(void)
{
    put('\r');
    at_column = 0;
}

void console_erase(void)
{
    if (!at_column)
        return;
    put('\b');
    put(' ');
    put('\b');
    at_column--;
}

void console_line(const char *a, const char *b)
{
    console_text(a);
    console_text(b);
    new_line();
}

void console_goto_row(unsigned row)
{
    struct bios_regs r = {.eax = 0x0200, .edx = row << 8};
    if (!screen_off)
        bios_call(0x10, &r);
    if (serial_is_open())
        serial_goto(row, 0);
    at_column = 0;
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
    case 0x42:
        return KEY_F8;
    default:
        return KEY_OTHER;
    }
}

bool console_key_waits(void)
{
    return bios_key_waits() || serial_key_waits();
}

unsigned console_key(void)
{
    struct bios_regs r = {0};
    if (!bios_key_waits())
        return serial_key();
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
        if (!serial_is_open()) /* its keys do not wait for the next tick */
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
