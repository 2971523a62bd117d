/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two screens in memory, the wanted and the shown one. A row that differs is written whole: so it
 * is readable wherever a firmware sends it, line by line. */
#include "pc/screen.h"
#include "core/base/mem.h"
#include "pc/console.h"
#include "pc/font.h"
#include "pc/glyphs.h"
#include "pc/serial.h"

#define MONOCHROME 7 /* the video mode */

struct cell {
    uint8_t glyph;
    uint8_t style;
};

static struct cell wanted[SCREEN_ROWS][SCREEN_COLUMNS];
static struct cell shown[SCREEN_ROWS][SCREEN_COLUMNS];
static unsigned screen_width = SCREEN_COLUMNS;
static bool monochrome;

static void blank(struct cell screen[SCREEN_ROWS][SCREEN_COLUMNS])
{
    for (unsigned row = 0; row < SCREEN_ROWS; row++) {
        for (unsigned column = 0; column < SCREEN_COLUMNS; column++)
            screen[row][column] = (struct cell){' ', SCREEN_PLAIN};
    }
}

static uint8_t attribute(uint8_t style)
{
    static const uint8_t colour[] = {0x07, 0x70, 0x4f};
    return monochrome && style ? 0x70 : colour[style];
}

void screen_begin(void)
{
    unsigned mode;
    screen_width = console_columns(&mode);
    if (screen_width > SCREEN_COLUMNS || screen_width < 40)
        screen_width = SCREEN_COLUMNS;
    monochrome = mode == MONOCHROME;
    font_begin(console_on_screen());
    console_clear();
    blank(wanted);
    blank(shown);
}

void screen_end(void)
{
    console_clear();
    font_end();
}

unsigned screen_columns(void)
{
    return screen_width;
}

void screen_clear(void)
{
    blank(wanted);
}

void screen_fill(unsigned row, unsigned column, unsigned width, enum screen_style style,
                 unsigned char glyph)
{
    for (; row < SCREEN_ROWS && width && column < screen_width; width--, column++)
        wanted[row][column] = (struct cell){glyph, (uint8_t)style};
}

void screen_text(unsigned row, unsigned column, unsigned width, enum screen_style style,
                 const char *text)
{
    uint8_t glyph[GLYPHS_MAX];
    unsigned end = column + width;
    screen_fill(row, column, width, style, ' ');
    while (*text && column < end) {
        uint32_t c = console_utf8_next(&text);
        uint8_t letter = font_glyph(c);
        unsigned count = letter ? 1 : glyphs_of(c, glyph);
        if (letter)
            glyph[0] = letter;
        for (unsigned i = 0; i < count && column < end; i++)
            screen_fill(row, column++, 1, style, letter || font_keep(glyph[i]) ? glyph[i] : '?');
    }
}

/* How far a row reaches: what follows is blank on both screens. */
static unsigned extent(unsigned row)
{
    unsigned end = screen_width;
    static const struct cell nothing = {' ', SCREEN_PLAIN};
    while (end && !memcmp(&wanted[row][end - 1], &nothing, sizeof nothing) &&
           !memcmp(&shown[row][end - 1], &nothing, sizeof nothing))
        end--;
    return end;
}

/* The last row's last place would scroll a terminal. */
static void show_row(unsigned row)
{
    unsigned end = extent(row), style = SCREEN_PLAIN;
    if (row == SCREEN_ROWS - 1 && end == screen_width)
        end--;
    for (unsigned column = 0, run; column < end; column += run) {
        struct cell cell = wanted[row][column];
        for (run = 1; column + run < end && run < screen_width &&
                      !memcmp(&wanted[row][column + run], &cell, sizeof cell);)
            run++;
        console_cells(row, column, cell.glyph, attribute(cell.style), run);
    }
    if (!serial_is_open())
        return;
    serial_goto(row, 0);
    for (unsigned column = 0; column < end; column++) {
        if (wanted[row][column].style != style)
            serial_reverse(wanted[row][column].style);
        style = wanted[row][column].style;
        serial_char(font_code_point(wanted[row][column].glyph));
    }
    if (style)
        serial_reverse(false);
    serial_string("\r\n");
}

void screen_show(void)
{
    unsigned last = SCREEN_ROWS;
    for (unsigned row = 0; row < SCREEN_ROWS; row++) {
        if (!memcmp(wanted[row], shown[row], sizeof wanted[row]))
            continue;
        if (last < row)
            console_next_row();
        show_row(row);
        memcpy(shown[row], wanted[row], sizeof wanted[row]);
        last = row;
    }
    if (last < SCREEN_ROWS - 1)
        console_next_row();
    console_goto_row(SCREEN_ROWS - 1);
}
