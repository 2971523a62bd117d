/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Screen, keyboard and clock by the BIOS, so that a firmware that mirrors INT 10h and 16h to a
 * serial line works too; or a serial line of our own. */
#ifndef STAGE2_PC_CONSOLE_H
#define STAGE2_PC_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_COLUMNS  80
#define CONSOLE_ROWS     25

/* About 18.2 a second. */
#define TICKS_PER_SECOND 18

/* What console_key returns: ASCII, or one of these. */
enum key {
    KEY_NONE = 0,
    KEY_BACKSPACE = 8,
    KEY_ENTER = 13,
    KEY_ESCAPE = 27,
    KEY_DELETE = 0x7f, /* what the backspace key is on many a terminal */
    KEY_UP = 0x100,
    KEY_DOWN,
    KEY_HOME,
    KEY_END,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
    KEY_F8,
    KEY_OTHER,
};

/* Text mode 3, unless the screen is in a text mode already. */
void console_init(void);

/* Text mode 3, which boot code takes for granted. */
void console_text_mode(void);

/* Prints UTF-8; letters that code page 437 lacks become those of ASCII that come nearest, and
 * control characters `?`. A
 * word that does not fit the line goes to the next. */
void console_text(const char *s);

/* As console_text, for sentences of our own: \n starts a new line. Never for what has a name in it
 * that a volume gave: it may hold anything. */
void console_print(const char *s);

/* Prints `a`, `b`, as console_text, and a line's end. */
void console_line(const char *a, const char *b);

/* Goes back to the line's start, to write it again. */
void console_rewind(void);

/* Takes the last character of the line away. */
void console_erase(void);

/* Moves the cursor to a row, 0 at the top, column 0. */
void console_goto_row(unsigned row);

/* From now on all goes to a serial port and comes from there too, and the screen is left alone
 * unless `and_screen`. Not where the firmware sends the screen over this port already: then all
 * stays as it is. Returns whether there is such a port: if not, nothing changes. */
bool console_serial(unsigned port, uint32_t baud, bool and_screen);

/* Is text written to the screen, and not just to a serial line? */
bool console_on_screen(void);

/* For screen.c: the screen's width and mode; clears it, cursor at the top; writes a character
 * `count` times, not to the serial line; ends a row, so that what mirrors the screen ends its line.
 */
unsigned console_columns(unsigned *mode);
void console_clear(void);
void console_cells(unsigned row, unsigned at, uint8_t glyph, uint8_t attribute, unsigned count);
void console_next_row(void);

/* Would console_key return one? */
bool console_key_waits(void);

/* The key pressed, KEY_NONE where none is waiting. */
unsigned console_key(void);

/* Waits for a key; forever where `ticks` is UINT32_MAX, else KEY_NONE after so long. */
unsigned console_wait_key(uint32_t ticks);

/* Throws away the keys that are waiting. */
void console_flush_keys(void);

/* Ticks of the BIOS since console_init; counts on over midnight. Interrupts are on only while the
 * BIOS runs, so it moves only if that happens now and then. */
uint32_t console_ticks(void);

/* Waits for the next tick, so that a firmware that mirrors the screen to a serial line from its
 * timer interrupt has sent all of it. Gives up where the clock stands still. */
void console_settle(void);

/* Stops for good. Ctrl-Alt-Del still works. */
void console_halt(void) __attribute__((noreturn));

/* The code point that starts at *s, and moves *s behind it; U+FFFD for what is not UTF-8. */
uint32_t console_utf8_next(const char **s);

/* What a scan code (AH) and a character (AL) of INT 16h mean. */
unsigned console_key_of(uint16_t ax);

#endif
