/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The port by its registers, polled. What a UART's bits mean is in each 8250's data sheet. */
#include "pc/serial.h"
#include "pc/bda.h"
#include "pc/bios.h"
#include "pc/console.h"

enum { DATA = 0, INTERRUPTS = 1, FIFO = 2, LINE = 3, MODEM = 4, STATUS = 5, SCRATCH = 7 };

#define LINE_8N1        0x03
#define LINE_DIVISOR    0x80 /* DATA and INTERRUPTS are the divisor now */
#define FIFO_ON_EMPTY   0xc7
#define MODEM_READY     0x03 /* DTR and RTS */
#define MODEM_LOOP      0x10 /* what is sent is received, and does not leave */
#define STATUS_RECEIVED 0x01
#define STATUS_FREE     0x20
#define BAUD_BASE       115200u
#define FIFO_SIZE       16u

/* Reads of the status before a character is given up: each takes a microsecond on the ISA bus, and
 * a character at 1200 baud takes 8300 of them. */
#define POLLS           20000u
/* How long what follows an escape is waited for: so many looks, and ticks. */
#define ESCAPE_POLLS    2000u
#define ESCAPE_TICKS    2u

#ifndef SERIAL_PORTS /* tests have a port of their own */
static void port_out(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t port_in(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
#endif

static uint16_t base; /* 0: none is open */
static bool stuck;    /* the last character was not taken: the next one is not waited for */

/* Does anything there keep what is written? Nothing there reads as FFh. */
static bool port_exists(uint16_t at)
{
    port_out(at + LINE, LINE_8N1);
    return port_in(at + LINE) == LINE_8N1 && port_in(at + STATUS) != 0xff;
}

/* Where the port is; 0: there is none. */
static uint16_t port_of(unsigned number)
{
    static const uint16_t usual[4] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
    if (number < 1 || number > 4)
        return 0;
    uint16_t at = *(volatile uint16_t *)bios_data(BDA_SERIAL + 2 * (number - 1));
    if (!at || !port_exists(at))
        at = usual[number - 1];
    return port_exists(at) ? at : 0;
}

/* Takes what was received off the port. Returns whether that was something. */
static bool drain(uint16_t at)
{
    bool some = false;
    for (unsigned i = 0; i < FIFO_SIZE && port_in(at + STATUS) & STATUS_RECEIVED; i++) {
        (void)port_in(at + DATA);
        some = true;
    }
    return some;
}

bool serial_is_used(unsigned number, bool (*speak)(unsigned round))
{
    uint16_t at = port_of(number);
    if (!at)
        return false;
    bool heard = false;
    uint8_t modem = port_in(at + MODEM);
    drain(at);
    port_out(at + MODEM, modem | MODEM_LOOP);
    for (unsigned round = 0; !heard && speak(round); round++) /* ends when `speak` says so */
        heard = drain(at);
    port_out(at + MODEM, modem);
    return heard;
}

bool serial_open(unsigned number, uint32_t baud)
{
    base = 0;
    uint16_t at = port_of(number);
    if (!at || !baud || baud > BAUD_BASE)
        return false;

    uint32_t divisor = BAUD_BASE / baud;
    port_out(at + LINE, LINE_DIVISOR | LINE_8N1);
    port_out(at + DATA, (uint8_t)divisor);
    port_out(at + INTERRUPTS, (uint8_t)(divisor >> 8));
    port_out(at + LINE, LINE_8N1);
    port_out(at + INTERRUPTS, 0);
    port_out(at + FIFO, FIFO_ON_EMPTY);
    port_out(at + MODEM, MODEM_READY);
    base = at;
    stuck = false;
    return true;
}

bool serial_is_open(void)
{
    return base;
}

void serial_byte(uint8_t byte)
{
    if (!base)
        return;
    uint32_t polls = stuck ? 1 : POLLS;
    while (polls && !(port_in(base + STATUS) & STATUS_FREE))
        polls--;
    stuck = !polls;
    if (!stuck)
        port_out(base + DATA, byte);
}

void serial_string(const char *s)
{
    while (*s)
        serial_byte((uint8_t)*s++);
}

void serial_char(uint32_t c)
{
    if (c >= 0x2500 && c < 0x2580)
        c = c == 0x2500 || c == 0x2550 ? '-' : c == 0x2502 || c == 0x2551 ? '|' : '+';
    if (c >= 0x800) {
        serial_byte((uint8_t)(0xe0 | c >> 12));
        serial_byte((uint8_t)(0x80 | (c >> 6 & 0x3f)));
    } else if (c >= 0x80) {
        serial_byte((uint8_t)(0xc0 | c >> 6));
    }
    serial_byte(c < 0x80 ? (uint8_t)c : (uint8_t)(0x80 | (c & 0x3f)));
}

static void number(unsigned n)
{
    if (n >= 10)
        serial_byte((uint8_t)('0' + n / 10 % 10));
    serial_byte((uint8_t)('0' + n % 10));
}

void serial_goto(unsigned row, unsigned column)
{
    serial_string("\x1b[");
    number(row + 1);
    serial_byte(';');
    number(column + 1);
    serial_byte('H');
}

void serial_reverse(bool on)
{
    serial_string(on ? "\x1b[7m" : "\x1b[0m");
}

/* The next byte, -1 where none comes within so many looks. */
static int received(uint32_t polls)
{
    for (; polls; polls--) {
        uint8_t status = port_in(base + STATUS);
        if (status & STATUS_RECEIVED)
            return status == 0xff ? -1 : port_in(base + DATA); /* FFh: the port is gone */
    }
    return -1;
}

static int received_soon(void)
{
    int c = received(ESCAPE_POLLS);
    for (unsigned i = 0; i < ESCAPE_TICKS && c < 0; i++) {
        bios_idle();
        c = received(ESCAPE_POLLS);
    }
    return c;
}

/* What follows ESC [ or ESC O: a letter, or a number and a ~. */
static unsigned escape_sequence(void)
{
    static const struct {
        char letter;
        uint8_t number;
        uint16_t key;
    } keys[] = {{'A', 0, KEY_UP},    {'B', 0, KEY_DOWN},    {'H', 1, KEY_HOME}, {'F', 4, KEY_END},
                {0, 5, KEY_PAGE_UP}, {0, 6, KEY_PAGE_DOWN}, {0, 3, KEY_DELETE}, {0, 7, KEY_HOME},
                {0, 8, KEY_END},     {0, 19, KEY_F8}};
    unsigned n = 0;
    int c = received_soon();
    for (unsigned i = 0; i < 3 && c >= '0' && c <= '9'; i++) {
        n = n * 10 + (unsigned)(c - '0');
        c = received_soon();
    }
    for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (c == '~' ? n && n == keys[i].number : c > 0 && !n && c == keys[i].letter)
            return keys[i].key;
    }
    return KEY_OTHER;
}

bool serial_key_waits(void)
{
    uint8_t status = base ? port_in(base + STATUS) : 0;
    return status & STATUS_RECEIVED && status != 0xff;
}

unsigned serial_key(void)
{
    int c = base ? received(1) : -1;
    if (c <= 0)
        return KEY_NONE;
    if (c == '\n')
        return KEY_ENTER;
    if (c != KEY_ESCAPE)
        return (unsigned)c;
    c = received_soon();
    if (c == '[' || c == 'O')
        return escape_sequence();
    return c < 0 || c == KEY_ESCAPE ? KEY_ESCAPE : KEY_OTHER;
}
