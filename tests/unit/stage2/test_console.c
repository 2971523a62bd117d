/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console's tables: keys, letters, modes; the serial line; the VGA's letters. */
#include "unit/unit.h"
#include "unit/stage2/pc.h"

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

static unsigned speaks_at, rounds;

static bool firmware(unsigned round)
{
    rounds = round;
    if (round == speaks_at)
        port_out(0x3f8, 'x');
    return round < 3;
}

TEST(serial_used_by_the_firmware)
{
    memset(&uart, 0, sizeof uart);
    uart.modem = 3;
    uart.received = "typed before";
    speaks_at = 1;
    CHECK(serial_is_used(1, firmware));
    CHECK_EQ(rounds, 1);
    CHECK_EQ(uart.modem, 3);
    CHECK_EQ(uart.count, 0);
    speaks_at = 7;
    CHECK(!serial_is_used(1, firmware));
    CHECK_EQ(rounds, 3);
    CHECK_EQ(uart.modem, 3);
    CHECK(!serial_is_used(2, firmware)); /* there is none */
    uart.received = NULL;
}
