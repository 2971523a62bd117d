/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plain lines and a `>`: readable on any screen and over any serial line. A change redraws only the
 * lines it touches, by the BIOS's cursor position.
 */
#include "menu.h"
#include "core/base/text.h"
#include "pc/console.h"

#define LINE_SIZE CONSOLE_COLUMNS /* one column less on screen, so that no line wraps */

void menu_init(struct menu *m, unsigned count, unsigned selected, uint32_t timeout_seconds)
{
    *m = (struct menu){.count = count, .selected = selected < count ? selected : 0};
    m->rows = count < MENU_ROWS_MAX ? count : MENU_ROWS_MAX;
    if (timeout_seconds == CONFIG_TIMEOUT_UNSET)
        timeout_seconds = MENU_TIMEOUT_DEFAULT;
    m->counting = timeout_seconds != CONFIG_TIMEOUT_NONE;
    m->seconds = m->counting ? timeout_seconds : 0;
    if (m->selected >= m->rows)
        m->first = m->selected - m->rows + 1;
}

static void select_entry(struct menu *m, unsigned entry)
{
    m->selected = entry;
    if (entry < m->first)
        m->first = entry;
    if (entry >= m->first + m->rows)
        m->first = entry - m->rows + 1;
}

static enum menu_action menu_digit(struct menu *m, unsigned digit)
{
    unsigned number = m->typed * 10 + digit;
    if (!number || number > m->count)
        number = digit; /* the first digit of another number */
    m->typed = 0;
    if (!number || number > m->count)
        return MENU_STAY;

    select_entry(m, number - 1);
    if (m->count <= 9)
        return MENU_START;
    m->typed = number;
    return MENU_STAY;
}

enum menu_action menu_key(struct menu *m, unsigned key)
{
    if (key == KEY_NONE)
        return MENU_STAY;
    if (key == KEY_ENTER)
        return MENU_START;
    bool counting = m->counting;
    m->counting = false;
    if (key == KEY_ESCAPE && !counting)
        return MENU_LEAVE;
    if (key >= '0' && key <= '9')
        return menu_digit(m, key - '0');

    m->typed = 0;
    unsigned last = m->count - 1;
    if (key == KEY_UP)
        select_entry(m, m->selected ? m->selected - 1 : last);
    else if (key == KEY_DOWN)
        select_entry(m, m->selected < last ? m->selected + 1 : 0);
    else if (key == KEY_HOME)
        select_entry(m, 0);
    else if (key == KEY_END)
        select_entry(m, last);
    else if (key == KEY_PAGE_UP)
        select_entry(m, m->selected > m->rows ? m->selected - m->rows : 0);
    else if (key == KEY_PAGE_DOWN)
        select_entry(m, m->selected + m->rows < last ? m->selected + m->rows : last);
    return MENU_STAY;
}

/* Pads to the screen's width, so that what was there before is gone. Counts characters, not bytes:
 * a title may hold any UTF-8. */
static void print_padded(const char *line)
{
    char spaces[CONSOLE_COLUMNS];
    unsigned columns = 0;
    for (const char *s = line; *s;) {
        console_utf8_next(&s);
        columns++;
    }
    console_text(line);
    struct text t;
    text_init(&t, spaces, sizeof spaces);
    while (columns++ < CONSOLE_COLUMNS - 1)
        text_char(&t, ' ');
    console_print(spaces);
}

static void draw_entry(const struct menu *m, const struct config *config, unsigned row)
{
    unsigned entry = m->first + row;
    char line[LINE_SIZE];
    struct text t;
    text_init(&t, line, sizeof line);
    text_str(&t, entry == m->selected ? "> " : "  ");
    if (m->count > 9 && entry < 9)
        text_char(&t, ' ');
    text_u64(&t, entry + 1);
    text_str(&t, "  ");
    text_str(&t, config->entry[entry].title);
    print_padded(line);
}

static void draw_status(const struct menu *m)
{
    char line[LINE_SIZE];
    struct text t;
    text_init(&t, line, sizeof line);
    text_str(&t, m->count > 9 ? "Arrow keys or number, then Enter"
                              : "Arrow keys and Enter, or a number");
    if (m->counting) {
        text_str(&t, "; starts in ");
        text_u64(&t, m->seconds);
        text_str(&t, " s, Esc stops");
    } else {
        text_str(&t, "; Esc: next boot device");
    }
    print_padded(line);
}

/* Draws again what differs between `old` and `m`. */
static void redraw(const struct menu *m, const struct menu *old, const struct config *config,
                   unsigned top)
{
    for (unsigned row = 0; row < m->rows; row++) {
        bool was = old->first + row == old->selected;
        bool is = m->first + row == m->selected;
        if (was == is && m->first == old->first)
            continue;
        console_goto_row(top + row);
        draw_entry(m, config, row);
    }
    if (m->counting != old->counting || m->seconds != old->seconds) {
        console_goto_row(top + m->rows);
        draw_status(m);
    }
    console_goto_row(top + m->rows);
}

/* Esc is pressed easily: asks once more, in the lines below the menu. */
static bool leaving_is_meant(const struct menu *m)
{
    print_padded("Enter starts the next boot device, any other key goes back to the menu");
    unsigned key = console_wait_key(UINT32_MAX);
    console_goto_row(console_row());
    draw_status(m);
    console_goto_row(console_row());
    if (key == KEY_ENTER)
        console_print("\n");
    return key == KEY_ENTER;
}

unsigned menu_choose(const struct config *config, uint32_t timeout_seconds)
{
    struct menu m;
    menu_init(&m, config->count, config->default_entry, timeout_seconds);
    if (m.counting && !m.seconds)
        return m.selected;

    console_print("\n");
    for (unsigned row = 0; row < m.rows; row++) {
        draw_entry(&m, config, row);
        console_print("\n");
    }
    draw_status(&m);
    unsigned bottom = console_row();
    unsigned top = bottom >= m.rows ? bottom - m.rows : 0;

    for (;;) { /* ends with Enter, a number, or the countdown; else the user has all the time */
        unsigned key = console_wait_key(m.counting ? TICKS_PER_SECOND : UINT32_MAX);
        struct menu old = m;
        enum menu_action action = menu_key(&m, key);
        if (!key && --m.seconds == 0)
            action = MENU_START;
        if (action == MENU_START)
            m.counting = false;
        redraw(&m, &old, config, top);
        if (action == MENU_START)
            break;
        if (action == MENU_LEAVE && leaving_is_meant(&m))
            return MENU_NEXT_DEVICE;
    }
    console_print("\n");
    return m.selected;
}

bool menu_hold(void)
{
    char line[LINE_SIZE];
    struct text t;
    text_init(&t, line, sizeof line);
    text_str(&t, "Goes on in ");
    text_u64(&t, MENU_HOLD);
    text_str(&t, " s, with a key at once; Esc leads to the menu");
    console_line(line, "");
    console_flush_keys(); /* what was typed before has not seen the warnings */
    return console_wait_key(MENU_HOLD * TICKS_PER_SECOND) != KEY_ESCAPE;
}
