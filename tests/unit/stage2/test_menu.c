/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The menu's keys, what it draws, its countdown. */
#include "unit/unit.h"
#include "unit/stage2/pc.h"
#include "menu.c"

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

static bool hold(uint16_t ax, uint32_t after)
{
    set_ticks(1000);
    console_init();
    pressed = ax;
    pressed_at = 1000 + after;
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
