/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A serial port (8250 to 16550A) without interrupts: text for a terminal with VT100's escapes, and
 * its keys. Sending never waits for ever: a line that takes nothing loses characters.
 */
#ifndef STAGE2_PC_SERIAL_H
#define STAGE2_PC_SERIAL_H

#include <stdbool.h>
#include <stdint.h>

/* Opens COM`number` (1 to 4), 8 bits, no parity. Returns whether there is such a port. `baud`
 * divides 115200. */
bool serial_open(unsigned number, uint32_t baud);

/* Does anybody send over this port what is shown on the screen? `speak`, called with 0, 1, 2 ...,
 * shows something and gives time, and says when there was enough of it. Nothing leaves the port
 * meanwhile, and what comes is lost. */
bool serial_is_used(unsigned number, bool (*speak)(unsigned round));

/* Is a port open? */
bool serial_is_open(void);

void serial_byte(uint8_t byte);
void serial_string(const char *s);

/* A code point as UTF-8; the frames' lines as + - |, which every terminal has. */
void serial_char(uint32_t code_point);

/* To row and column, from 0; with or without reverse video from there on. */
void serial_goto(unsigned row, unsigned column);
void serial_reverse(bool on);

/* The key that came, as console_key() has them; KEY_NONE. Waits a moment for what follows an
 * escape, which may be an arrow key or Esc. */
unsigned serial_key(void);
bool serial_key_waits(void);

#endif
