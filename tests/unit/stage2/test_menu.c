/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The menu's keys and the console's tables. */
#include "unit/unit.h"

static uint8_t low_memory[0x600];
#define BIOS_LOW_MEMORY low_memory

/* A serial port at 3F8h; a line that takes nothing while `busy`. */
#define SERIAL_PORTS
static struct {
    uint8_t line_control, sent[300];
    unsigned count, looks;
    const char *received;
    bool busy;
} uart;

static void port_out(uint16_t port, uint8_t value)
{
    if (port == 0x3fb)
        uart.line_control = value;
    if (port == 0x3f8 && !(uart.line_control & 0x80) && uart.count < sizeof uart.sent - 1)
        uart.sent[uart.count++] = value;
}

static uint8_t port_in(uint16_t port)
{
    uart.looks++;
    if (port == 0x3fb)
        return uart.line_control;
    if (port == 0x3fd)
        return (uint8_t)((uart.busy ? 0 : 0x20) | (uart.received && *uart.received ? 1 : 0));
    return port == 0x3f8 && uart.received ? (uint8_t)*uart.received++ : 0xff;
}

#include "pc/serial.c"
#include "pc/glyphs.c"
#include "pc/font.c"
#include "pc/console.c"
#include "pc/screen.c"
#include "menu.c"

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
static uint16_t key; /* AX of the next one; 0: none */
static uint32_t key_at;

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
    if (vector == 0x16 && key && bda_ticks() >= key_at) {
        r->eflags = 0;
        if (r->eax >> 8 == 0) {
            r->eax = key;
            key = 0;
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

static struct menu m;

TEST(menu_arrows_wrap)
{
    menu_init(&m, 3, 1, 5);
    CHECK_EQ(menu_key(&m, KEY_UP), MENU_STAY);
    CHECK_EQ(m.selected, 0);
    menu_key(&m, KEY_UP);
    CHECK_EQ(m.selected, 2);
    menu_key(&m, KEY_DOWN);
    CHECK_EQ(m.selected, 0);
    menu_key(&m, KEY_END);
    CHECK_EQ(m.selected, 2);
    menu_key(&m, KEY_HOME);
    CHECK_EQ(m.selected, 0);
    CHECK_EQ(menu_key(&m, KEY_ENTER), MENU_START);
}

TEST(menu_digit_starts_up_to_nine)
{
    menu_init(&m, 9, 0, 5);
    CHECK_EQ(menu_key(&m, '7'), MENU_START);
    CHECK_EQ(m.selected, 6);
    menu_init(&m, 2, 0, 5);
    CHECK_EQ(menu_key(&m, '3'), MENU_STAY);
    CHECK_EQ(menu_key(&m, '0'), MENU_STAY);
    CHECK_EQ(m.selected, 0);
}

TEST(menu_two_digits_move)
{
    menu_init(&m, 12, 0, 5);
    CHECK_EQ(menu_key(&m, '1'), MENU_STAY);
    CHECK_EQ(m.selected, 0);
    CHECK_EQ(menu_key(&m, '2'), MENU_STAY);
    CHECK_EQ(m.selected, 11);
    CHECK_EQ(menu_key(&m, '3'), MENU_STAY); /* 123 is none: a new number */
    CHECK_EQ(m.selected, 2);
    CHECK_EQ(menu_key(&m, KEY_ENTER), MENU_START);
}

TEST(menu_countdown)
{
    menu_init(&m, 2, 0, 5);
    CHECK(m.counting);
    CHECK_EQ(m.seconds, 5);
    CHECK_EQ(menu_key(&m, KEY_ESCAPE), MENU_STAY);
    CHECK(!m.counting);
    CHECK_EQ(menu_key(&m, KEY_ESCAPE), MENU_LEAVE); /* nothing counts any more: it leads out */
    menu_init(&m, 2, 0, CONFIG_TIMEOUT_NONE);
    CHECK(!m.counting);
    menu_init(&m, 2, 0, CONFIG_TIMEOUT_UNSET);
    CHECK_EQ(m.seconds, MENU_TIMEOUT_DEFAULT);
    menu_key(&m, KEY_OTHER);
    CHECK(!m.counting);
}

TEST(menu_starts_by_time)
{
    static struct config config;
    config.count = 2;
    config.entry[0].title = config.entry[1].title = "title";
    struct menu_view view = {.config = &config, .program = "x", .label = ""};
    CHECK_EQ(menu_choose(&view, 1, 0).entry, 1);
    set_ticks(TICKS_PER_DAY - 20); /* over midnight */
    console_init();
    CHECK_EQ(menu_choose(&view, 1, 3).entry, 1);
    CHECK(console_ticks() >= 3 * TICKS_PER_SECOND);
}

TEST(menu_on_a_narrow_screen)
{
    static struct config config;
    config.count = 1;
    config.entry[0].title = "a title that is longer than the forty columns that there are";
    struct menu_view view = {.config = &config,
                             .program = "vhdboot 1",
                             .label = "a label that is longer than half of the screen",
                             .error =
                                 "a sentence that is longer than a row of the box has room for",
                             .advice = "awordthatislongerthanarowoftheboxandhasnoblank"};
    console_init();
    screen.columns = 40;
    screen.beyond = screen.written = 0;
    CHECK_EQ(menu_choose(&view, 0, 1).entry, 0);
    CHECK(screen.written > 0 && screen.beyond == 0);
    screen.columns = 0;
}

TEST(menu_scrolls)
{
    menu_init(&m, 32, 31, 5);
    CHECK_EQ(m.first, 16);
    for (unsigned i = 0; i < 32; i++) {
        menu_key(&m, KEY_UP);
        CHECK(m.selected >= m.first && m.selected < m.first + m.rows);
    }
    CHECK_EQ(m.selected, 31);
    menu_key(&m, KEY_HOME);
    menu_key(&m, KEY_PAGE_DOWN);
    CHECK_EQ(m.selected, 16);
    menu_key(&m, KEY_PAGE_DOWN);
    CHECK_EQ(m.selected, 31);
    menu_key(&m, KEY_PAGE_UP);
    menu_key(&m, KEY_PAGE_UP);
    CHECK_EQ(m.selected, 0);
    CHECK_EQ(m.first, 0);
}

TEST(console_keys)
{
    CHECK_EQ(console_key_of(0x1c0d), KEY_ENTER);
    CHECK_EQ(console_key_of(0x4800), KEY_UP);
    CHECK_EQ(console_key_of(0x50e0), KEY_DOWN);
    CHECK_EQ(console_key_of(0x0231), '1');
    CHECK_EQ(console_key_of(0x3b00), KEY_OTHER);
}

static const char *glyphs(uint32_t code_point)
{
    static char text[GLYPHS_MAX + 1];
    uint8_t glyph[GLYPHS_MAX];
    unsigned count = glyphs_of(code_point, glyph);
    memcpy(text, glyph, count);
    text[count] = '\0';
    return text;
}

TEST(console_letters)
{
    CHECK_STR(glyphs('a'), "a");
    CHECK_STR(glyphs(0xe4), "\x84");
    CHECK_STR(glyphs(0xdf), "\xe1");
    CHECK_STR(glyphs(0xf1), "\xa4");
    CHECK_STR(glyphs(0x3a9), "\xea");
    CHECK_STR(glyphs(0x395), "E");
    CHECK_STR(glyphs(0x416), "Zh");
    CHECK_STR(glyphs(0x44f), "ya");
    CHECK_STR(glyphs(0x160), "S");
    CHECK_STR(glyphs(0x152), "OE");
    CHECK_STR(glyphs(0x2026), "...");
    CHECK_STR(glyphs(0x2603), "?");
    CHECK_STR(glyphs(7), "?");
    CHECK_STR(glyphs(0), "?");
    CHECK_STR(glyphs(0x9b), "?");
}

TEST(letters_of_other_alphabets_are_never_question_marks)
{
    for (uint32_t c = 0xc0; c <= 0x17f; c++)
        CHECK(strcmp(glyphs(c), "?"));
    for (uint32_t c = 0x391; c <= 0x3ce; c++)
        CHECK(c == 0x3a2 || strcmp(glyphs(c), "?")); /* 3A2h is no letter */
    for (uint32_t c = 0x410; c <= 0x44f; c++)
        CHECK(strcmp(glyphs(c), "?"));
}

TEST(menu_commands)
{
    menu_init(&m, 3, 1, 5);
    CHECK_EQ(menu_key(&m, 'd'), MENU_START_DISCARD);
    CHECK_EQ(menu_key(&m, 'n'), MENU_START_PROTECTED);
    CHECK_EQ(menu_key(&m, 'i'), MENU_INFO);
    CHECK_EQ(menu_key(&m, '/'), MENU_NAME);
    CHECK_EQ(menu_key(&m, 'x'), MENU_LETTER);
    CHECK(!m.counting && m.selected == 1);
    menu_init(&m, 0, 0, 5); /* all hidden */
    CHECK_EQ(menu_key(&m, KEY_DOWN), MENU_STAY);
    CHECK_EQ(menu_key(&m, '1'), MENU_STAY);
    CHECK_EQ(menu_key(&m, 'd'), MENU_STAY);
    CHECK_EQ(menu_key(&m, '/'), MENU_NAME);
}

/* A file is sent as it is, in the terminal's own words; a line that takes nothing costs little. */
TEST(serial_sends_and_never_waits_for_ever)
{
    memset(&uart, 0, sizeof uart);
    CHECK(serial_open(1, 9600));
    serial_goto(1, 22);
    serial_char(0xe4);
    serial_char(0x2500);
    CHECK_STR((const char *)uart.sent, "\x1b[2;23H\xc3\xa4-");
    uart.busy = true;
    uart.looks = 0;
    for (unsigned i = 0; i < 1000; i++)
        serial_byte('x');
    CHECK(uart.looks < POLLS + 1100);
    uart.busy = false;
    serial_byte('y');
    CHECK_EQ(uart.sent[uart.count - 1], 'y');
    base = 0;
    CHECK(!serial_open(2, 9600)); /* there is none */
    CHECK(!serial_is_open());
    serial_byte('z');
    CHECK_EQ(uart.sent[uart.count - 1], 'y');
}

static unsigned typed(const char *bytes)
{
    uart.received = bytes;
    return serial_key();
}

TEST(serial_keys)
{
    memset(&uart, 0, sizeof uart);
    CHECK(serial_open(1, 115200));
    CHECK_EQ(typed(""), KEY_NONE);
    CHECK_EQ(typed("a"), 'a');
    CHECK_EQ(typed("\r"), KEY_ENTER);
    CHECK_EQ(typed("\n"), KEY_ENTER);
    CHECK_EQ(typed("\x1b"), KEY_ESCAPE);
    CHECK_EQ(typed("\x1b[A"), KEY_UP);
    CHECK_EQ(typed("\x1bOB"), KEY_DOWN);
    CHECK_EQ(typed("\x1b[5~"), KEY_PAGE_UP);
    CHECK_EQ(typed("\x1b[1~"), KEY_HOME);
    CHECK_EQ(typed("\x1b[F"), KEY_END);
    CHECK_EQ(typed("\x1b[19~"), KEY_F8);
    CHECK_EQ(typed("\x1b[99~"), KEY_OTHER);
    CHECK_EQ(typed("\x1b[1234567"), KEY_OTHER);
    CHECK_EQ(typed("\x1bx"), KEY_OTHER);
    base = 0;
}

TEST(console_utf8)
{
    const char *s = "a\xc3\xa4\xe2\x98\x83\xff\xc3";
    CHECK_EQ(console_utf8_next(&s), 'a');
    CHECK_EQ(console_utf8_next(&s), 0xe4);
    CHECK_EQ(console_utf8_next(&s), 0x2603);
    CHECK_EQ(console_utf8_next(&s), 0xfffd);
    CHECK_EQ(console_utf8_next(&s), 0xfffd);
    CHECK_EQ(*s, 0); /* never beyond the end */
}

/* A mode with bit 7 is the same without clearing the screen. */
static unsigned sets_from(uint8_t mode, void (*act)(void))
{
    screen.mode = mode;
    screen.sets = 0;
    act();
    return screen.sets;
}

TEST(console_keeps_any_text_mode)
{
    CHECK_EQ(sets_from(2, console_init), 0);
    CHECK_EQ(sets_from(3, console_init), 0);
    CHECK_EQ(sets_from(0x83, console_init), 0);
    CHECK_EQ(sets_from(7, console_init), 0);
    CHECK_EQ(sets_from(0x12, console_init), 1);
    CHECK_EQ(screen.mode, 3);
}

TEST(guest_gets_mode_3)
{
    CHECK_EQ(sets_from(3, console_text_mode), 0);
    CHECK_EQ(sets_from(0x83, console_text_mode), 0);
    CHECK_EQ(sets_from(2, console_text_mode), 1);
    CHECK_EQ(screen.mode, 3);
    CHECK_EQ(sets_from(7, console_text_mode), 1);
    CHECK_EQ(screen.mode, 3);
}

/* A file may have any name: none of it reaches the screen, or the serial line behind it, as a
 * command. */
TEST(console_shows_no_control_characters_of_names)
{
    memset(printed, 0, sizeof printed);
    at_column = 0;
    console_text("a\nb\r\x1b[2J\x07\x7f\xc2\x9b\xe2\x80\xae.vhd");
    CHECK_STR(printed, "a?b??[2J????.vhd");
    memset(printed, 0, sizeof printed);
    at_column = 0;
    console_line("\n", "x\ny");
    CHECK_STR(printed, "?x?y\r\n");
}

static bool hold(uint16_t ax, uint32_t after)
{
    set_ticks(1000);
    console_init();
    key = ax;
    key_at = 1000 + after;
    return menu_hold();
}

TEST(warnings_hold_up_the_start_for_three_seconds)
{
    CHECK(hold(0, 0));
    CHECK_EQ(bda_ticks(), 1000 + 3 * TICKS_PER_SECOND);
    CHECK(hold(0x1c0d, 5));
    CHECK_EQ(bda_ticks(), 1005);
    CHECK(!hold(0x011b, 5));
    CHECK_EQ(bda_ticks(), 1005);
    CHECK(hold(0x011b, 0)); /* was pressed before there was anything to read */
    CHECK_EQ(bda_ticks(), 1000 + 3 * TICKS_PER_SECOND);
}

static void vga(uint32_t int10, uint16_t rows)
{
    memcpy(low_memory + 4 * 0x10, &int10, 4);
    memcpy(low_memory + BDA_FONT_ROWS, &rows, 2);
    video.vga = true;
    video.loads = video.restores = 0;
}

TEST(font_takes_places_of_what_is_not_shown)
{
    vga(0xc0001234, 16);
    font_begin(true);
    CHECK(font_keep(0xe0)); /* in use as it is */
    uint8_t zhe = font_glyph(0x416);
    CHECK(zhe > 0xe0);
    CHECK_EQ(video.last, zhe);
    CHECK_EQ(font_glyph(0x416), zhe);
    CHECK_EQ(video.loads, 1);
    CHECK_EQ(font_code_point(zhe), 0x416);
    CHECK(!font_keep(zhe));
    CHECK_EQ(font_code_point(0xe0), 0x3b1);
    CHECK_EQ(font_glyph('A'), 0);
    CHECK_EQ(font_glyph(0xfc), 0); /* the VGA's own */
    CHECK_EQ(font_glyph(0x5d0), 0);
    font_end();
    CHECK_EQ(video.restores, 1);
    font_end();
    CHECK_EQ(video.restores, 1);
}

TEST(font_leaves_what_boxes_are_drawn_with)
{
    vga(0xc0001234, 16);
    font_begin(true);
    unsigned taken = 0;
    for (uint32_t c = 0x400; c < 0x460; c++)
        taken += font_glyph(c) != 0;
    CHECK(taken > 66); /* an alphabet */
    CHECK(taken < 96);
    CHECK_EQ(video.loads, taken);
    for (const char *s = "\xb3\xc4\xda\xbf\xc0\xd9\xf8\x81"; *s; s++)
        CHECK(font_keep((uint8_t)*s));
}

TEST(font_needs_a_vga_that_nothing_mirrors)
{
    vga(0xf0001234, 16);
    font_begin(true);
    CHECK_EQ(font_glyph(0x416), 0);
    vga(0xc0001234, 14);
    font_begin(true);
    CHECK_EQ(font_glyph(0x416), 0);
    vga(0xc0001234, 16);
    video.vga = false;
    font_begin(true);
    CHECK_EQ(font_glyph(0x416), 0);
    font_begin(false); /* over a serial line */
    CHECK(font_glyph(0x416));
    CHECK_EQ(video.loads, 0);
}
