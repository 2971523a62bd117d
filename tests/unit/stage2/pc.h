/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PC with a keyboard, a text screen, a clock and a serial port, around stage2's own files for
 * them. */
#ifndef TESTS_UNIT_STAGE2_PC_H
#define TESTS_UNIT_STAGE2_PC_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static uint8_t low_memory[0x600];
#define BIOS_LOW_MEMORY low_memory

/* A serial port at 3F8h; a line that takes nothing while `busy`. */
#define SERIAL_PORTS
static struct {
    uint8_t line_control, modem, sent[300];
    unsigned count, looks;
    const char *received;
    bool busy, looped;
} uart;

static void port_out(uint16_t port, uint8_t value)
{
    if (port == 0x3fb)
        uart.line_control = value;
    if (port == 0x3fc)
        uart.modem = value;
    if (port == 0x3f8 && uart.modem & 0x10) {
        uart.looped = true;
        return;
    }
    if (port == 0x3f8 && !(uart.line_control & 0x80) && uart.count < sizeof uart.sent - 1)
        uart.sent[uart.count++] = value;
}

static uint8_t port_in(uint16_t port)
{
    uart.looks++;
    if (port == 0x3fb)
        return uart.line_control;
    if (port == 0x3fd)
        return (uint8_t)((uart.busy ? 0 : 0x20) | uart.looped |
                         (uart.received && *uart.received ? 1 : 0));
    if (port == 0x3fc)
        return uart.modem;
    if (port == 0x3f8 && uart.looped) {
        uart.looped = false;
        return 'x';
    }
    return port == 0x3f8 && uart.received ? (uint8_t)*uart.received++ : 0xff;
}

#include "pc/serial.c"
#include "pc/glyphs.c"
#include "pc/font.c"
#include "pc/console.c"
#include "pc/screen.c"

static void set_ticks(uint32_t ticks)
{
    memcpy(low_memory + BDA_TICKS, &ticks, 4);
}

static struct {
    uint8_t mode;
    unsigned sets;                     /* of the mode */
    unsigned columns, beyond, written; /* characters that no row has; all */
} screen;

/* Every letter of the font has a picture but U+0378 and the like. */
const uint8_t font_data[387][FONT_ROWS] = {[0 ... 386] = {1}};

static struct {
    bool vga;
    unsigned loads, restores;
    uint8_t last;
} video;

static char printed[200];
static uint16_t pressed; /* AX of the next one; 0: none */
static uint32_t pressed_at;

static unsigned screen_at; /* column */

void bios_call(uint8_t vector, struct bios_regs *r)
{
    r->eflags = BIOS_ZERO; /* no key */
    if (vector == 0x10 && r->eax >> 8 == 0x0e) {
        size_t at = strlen(printed);
        printed[at < sizeof printed - 1 ? at : sizeof printed - 2] = (char)r->eax;
    }
    if (vector == 0x10 && r->eax == 0x1a00 && video.vga)
        r->eax = 0x1a;
    if (vector == 0x10 && r->eax == 0x1100) {
        video.loads++;
        video.last = (uint8_t)r->edx;
    }
    video.restores += vector == 0x10 && r->eax == 0x1104;
    if (vector == 0x10 && r->eax >> 8 == 2)
        screen_at = r->edx & 0xff;
    if (vector == 0x10 && r->eax >> 8 == 9) {
        screen.written += r->ecx;
        screen.beyond += screen.columns && screen_at + r->ecx > screen.columns;
    }
    if (vector == 0x16 && pressed && bda_ticks() >= pressed_at) {
        r->eflags = 0;
        if (r->eax >> 8 == 0) {
            r->eax = pressed;
            pressed = 0;
        }
    }
    if (vector == 0x10 && r->eax >> 8 == 0x0f) {
        r->eax = (screen.columns ? screen.columns : 80u) << 8 | screen.mode;
    } else if (vector == 0x10 && r->eax >> 8 == 0) {
        screen.mode = (uint8_t)r->eax;
        screen.sets++;
    }
}

void bios_idle(void)
{
    set_ticks(bda_ticks() + 1);
}

#endif
