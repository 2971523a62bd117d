/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One screen: a bar with the name, the entries, what is known of the selected one, the countdown,
 * the keys. The selected one has a `>` beside its bar, for terminals without colours.
 */
#include "menu.h"
#include "core/base/text.h"
#include "pc/bda.h"
#include "pc/bios.h"
#include "pc/console.h"
#include "pc/font.h"
#include "pc/glyphs.h"
#include "pc/screen.h"

#define LINE_SIZE   200

/* Rows of the screen. */
#define ROW_ENTRIES 2u
#define ROW_BOX     8u
#define ROW_DETAILS 20u
#define ROW_STATUS  22u
#define ROW_KEYS    23u

/* Who goes through the menu quickly does not wait for what is read for each entry. */
#define REST_TICKS  4u

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
    if (key == '/')
        return MENU_NAME;
    if (!m->count)
        return MENU_STAY;
    unsigned last = m->count - 1;
    switch (key) {
    case 'd':
        return MENU_START_DISCARD;
    case 'n':
        return MENU_START_PROTECTED;
    case 'i':
        return MENU_INFO;
    case KEY_UP:
        select_entry(m, m->selected ? m->selected - 1 : last);
        break;
    case KEY_DOWN:
        select_entry(m, m->selected < last ? m->selected + 1 : 0);
        break;
    case KEY_HOME:
        select_entry(m, 0);
        break;
    case KEY_END:
        select_entry(m, last);
        break;
    case KEY_PAGE_UP:
        select_entry(m, m->selected > m->rows ? m->selected - m->rows : 0);
        break;
    case KEY_PAGE_DOWN:
        select_entry(m, m->selected + m->rows < last ? m->selected + m->rows : last);
        break;
    default:
        return key > ' ' && key < KEY_DELETE ? MENU_LETTER : MENU_STAY;
    }
    return MENU_STAY;
}

/* --- What is on the screen */

static struct {
    struct menu m;
    const struct menu_view *view;
    unsigned list[CONFIG_ENTRIES_MAX]; /* the config's entries that are listed */
    unsigned by_time;                  /* the config's entry that the countdown starts */
    bool touched;                      /* by a key: somebody is there to wait for the details */
    bool complete;                     /* all of them are known */
    bool known;                        /* what `line` and `second` say is about the selected one */
    char line[LINE_SIZE], second[LINE_SIZE];
    const char *error, *advice;
} now;

/* A title of letters that the screen has nothing like is less than the section's name. */
static const char *title_of(const struct config_entry *entry)
{
    for (const char *s = entry->title; *s;) {
        uint8_t glyph[GLYPHS_MAX];
        uint32_t c = console_utf8_next(&s);
        glyphs_of(c, glyph);
        if (glyph[0] == '?' && c != '?' && !font_glyph(c))
            return entry->name;
    }
    return entry->title;
}

static void draw_entries(unsigned columns)
{
    const struct menu *m = &now.m;
    char line[LINE_SIZE];
    struct text t;
    for (unsigned row = 0; row < m->rows; row++) {
        unsigned entry = m->first + row;
        text_init(&t, line, sizeof line);
        text_str(&t, entry == m->selected ? "> " : "  ");
        if (m->count > 9 && entry < 9)
            text_char(&t, ' ');
        text_u64(&t, entry + 1);
        text_str(&t, "  ");
        text_str(&t, title_of(&now.view->config->entry[now.list[entry]]));
        screen_text(ROW_ENTRIES + row, 0, columns, entry == m->selected ? SCREEN_BAR : SCREEN_PLAIN,
                    line);
    }
    text_init(&t, line, sizeof line);
    text_str(&t, "     ^ ");
    text_u64(&t, m->first);
    text_str(&t, " more");
    if (m->first)
        screen_text(ROW_ENTRIES - 1, 0, columns, SCREEN_PLAIN, line);
    text_init(&t, line, sizeof line);
    text_str(&t, "     v ");
    text_u64(&t, m->count - m->first - m->rows);
    text_str(&t, " more");
    if (m->first + m->rows < m->count)
        screen_text(ROW_ENTRIES + m->rows, 0, columns, SCREEN_PLAIN, line);
}

static void draw_foot(unsigned columns)
{
    const struct menu *m = &now.m;
    char line[LINE_SIZE];
    struct text t;
    if (now.known) {
        screen_text(ROW_DETAILS, 2, columns - 2, SCREEN_PLAIN, now.line);
        screen_text(ROW_DETAILS + 1, 2, columns - 2, SCREEN_PLAIN, now.second);
    }
    text_init(&t, line, sizeof line);
    if (m->counting) {
        text_str(&t, m->count && now.by_time == now.list[m->selected] ? "starts in "
                                                                      : "the default starts in ");
        text_u64(&t, m->seconds);
        text_str(&t, " s, Esc stops");
    } else if (now.view->listed) {
        text_str(&t, "Not all of the config is understood: i says what.");
    } else {
        text_str(&t, "Esc: next boot device");
    }
    screen_text(ROW_STATUS, 2, columns - 2, SCREEN_PLAIN, line);
    bool narrow = columns < SCREEN_COLUMNS;
    screen_text(ROW_KEYS, 0, columns, SCREEN_BAR,
                narrow ? " Arrows Enter 1-9 A-Z /name"
                       : " Arrows Home End PgUp PgDn, first letters or a number choose    Enter "
                         "starts");
    screen_text(ROW_KEYS + 1, 0, columns, SCREEN_BAR,
                narrow ? " d discard n protected i info"
                       : " d discard changes   n write-protected   i all about it   / by name");
    if (!narrow)
        screen_text(ROW_KEYS + 1, columns - 11, 10, SCREEN_BAR,
                    m->counting ? " Esc stops" : " Esc exits");
}

/* Draws as much of `text` as fits into a row of the box; returns the rest. */
static const char *box_line(unsigned row, unsigned columns, const char *text)
{
    unsigned width = columns - 8, length = 0, fits = 0;
    char line[LINE_SIZE];
    struct text t;
    const char *end = text, *s = text;
    while (*s && length < width) {
        console_utf8_next(&s);
        length++;
        if (!*s || *s == ' ') {
            end = s;
            fits = length;
        }
    }
    if (!fits) /* a word longer than the row */
        end = s;
    text_init(&t, line, sizeof line);
    for (s = text; s < end; s++)
        text_char(&t, *s);
    screen_text(row, 2, columns - 4, SCREEN_ERROR, "");
    screen_fill(row, 2, 1, SCREEN_ERROR, 0xb3);
    screen_text(row, 4, width, SCREEN_ERROR, line);
    screen_fill(row, columns - 3, 1, SCREEN_ERROR, 0xb3);
    while (*end == ' ')
        end++;
    return end;
}

static void draw_box(unsigned columns)
{
    unsigned row = ROW_BOX;
    screen_fill(row, 2, columns - 4, SCREEN_ERROR, 0xc4);
    screen_fill(row, 2, 1, SCREEN_ERROR, 0xda);
    screen_fill(row++, columns - 3, 1, SCREEN_ERROR, 0xbf);
    for (const char *s = now.error; *s && row < ROW_DETAILS - 4;)
        s = box_line(row++, columns, s);
    for (const char *s = now.advice; *s && row < ROW_DETAILS - 1;)
        s = box_line(row++, columns, s);
    screen_fill(row, 2, columns - 4, SCREEN_ERROR, 0xc4);
    screen_fill(row, 2, 1, SCREEN_ERROR, 0xc0);
    screen_fill(row, columns - 3, 1, SCREEN_ERROR, 0xd9);
}

static void draw(void)
{
    unsigned columns = screen_columns(), label = 0;
    screen_clear();
    screen_text(0, 0, columns, SCREEN_BAR, "");
    screen_text(0, 1, columns / 2, SCREEN_BAR, now.view->program);
    for (const char *s = now.view->label; *s && label < columns / 2 - 2; label++)
        console_utf8_next(&s);
    screen_text(0, columns - 1 - label, label, SCREEN_BAR, now.view->label);
    draw_entries(columns);
    draw_foot(columns);
    if (now.error)
        draw_box(columns);
    screen_show();
}

/* --- What the keys do */

static bool begins_with(const char *title, unsigned key)
{
    const char letter = (char)key;
    return text_same_caseless(title, 1, (char[]){letter, '\0'});
}

static void next_letter(struct menu *m, unsigned key)
{
    for (unsigned i = 1; i <= m->count; i++) {
        unsigned entry = (m->selected + i) % m->count;
        if (begins_with(title_of(&now.view->config->entry[now.list[entry]]), key)) {
            select_entry(m, entry);
            return;
        }
    }
}

/* Lets the user type a name on the status row. Returns whether it is an entry's: *entry. */
static bool type_name(unsigned *entry)
{
    char line[60] = "start /", *name = line + 7;
    size_t length = 0;
    for (;;) { /* ends with Enter or Esc */
        screen_text(ROW_STATUS, 2, screen_columns() - 2, SCREEN_PLAIN, line);
        screen_show();
        unsigned key = console_wait_key(UINT32_MAX);
        if (key == KEY_ESCAPE)
            return false;
        if (key == KEY_ENTER)
            break;
        if ((key == KEY_BACKSPACE || key == KEY_DELETE) && length)
            name[--length] = '\0';
        else if (key >= ' ' && key < KEY_DELETE && length + 8 < sizeof line)
            name[length++] = (char)key;
        name[length] = '\0';
    }
    for (unsigned i = 0; i < now.view->config->count; i++) {
        if (text_same_caseless(name, length, now.view->config->entry[i].name)) {
            *entry = i;
            return true;
        }
    }
    now.error = "No entry has this name.";
    now.advice = "It is the one in brackets in the config.";
    return false;
}

static void show_info(void)
{
    screen_end();
    now.view->info(now.view->ctx, now.list[now.m.selected]);
    console_print("\nPress a key to go back.\n");
    console_wait_key(UINT32_MAX);
    screen_begin();
}

static void list_entries(const struct menu_view *view, unsigned selected, uint32_t timeout_seconds)
{
    unsigned count = 0, at = 0;
    for (unsigned i = 0; i < view->config->count; i++) {
        if (view->config->entry[i].hidden)
            continue;
        if (i == selected)
            at = count;
        now.list[count++] = i;
    }
    menu_init(&now.m, count, at, timeout_seconds);
    now.view = view;
    now.by_time = selected;
    now.known = false;
    now.touched = false;
    now.error = view->error;
    now.advice = view->advice;
}

/* Esc is pressed easily: asks once more. */
static bool leaving_is_meant(void)
{
    screen_text(ROW_STATUS, 2, screen_columns() - 2, SCREEN_PLAIN,
                "Enter starts the next boot device, any other key goes back to the menu");
    screen_show();
    return console_wait_key(UINT32_MAX) == KEY_ENTER;
}

/* The next key, the countdown's next second, or the time to look closer at the selected entry. */
static unsigned wait(void)
{
    struct menu *m = &now.m;
    uint32_t ticks = m->counting ? TICKS_PER_SECOND : UINT32_MAX;
    if (!now.known && now.view->details && m->count) {
        unsigned key = console_wait_key(REST_TICKS);
        if (key)
            return key;
        now.complete = now.view->details(now.view->ctx, now.list[m->selected], !now.touched,
                                         now.line, now.second, LINE_SIZE);
        now.known = true;
        draw();
        ticks -= m->counting ? REST_TICKS : 0;
    }
    return console_wait_key(ticks);
}

/* Returns whether the user, or the time, has chosen. */
static bool take_key(unsigned key, struct menu_choice *choice)
{
    struct menu *m = &now.m;
    unsigned was = m->selected;
    if (!key) {
        *choice = (struct menu_choice){now.by_time, MENU_START};
        return --m->seconds == 0;
    }
    now.error = NULL;
    now.touched = true;
    now.known &= now.complete;
    choice->action = menu_key(m, key);
    switch (choice->action) {
    case MENU_STAY:
        break;
    case MENU_LETTER:
        next_letter(m, key);
        break;
    case MENU_INFO:
        if (now.view->info)
            show_info();
        break;
    case MENU_LEAVE:
        return leaving_is_meant();
    case MENU_NAME:
        choice->action = MENU_START;
        return type_name(&choice->entry);
    default:
        choice->entry = m->count ? now.list[m->selected] : 0;
        return m->count;
    }
    now.known &= m->selected == was;
    return false;
}

struct menu_choice menu_choose(const struct menu_view *view, unsigned selected,
                               uint32_t timeout_seconds)
{
    struct menu_choice choice = {selected, MENU_START};
    list_entries(view, selected, timeout_seconds);
    if (now.m.counting && !now.m.seconds)
        return choice;

    screen_begin();
    do /* ends with a choice or the countdown; else the user has all the time */
        draw();
    while (!take_key(wait(), &choice));
    screen_end();
    return choice;
}

bool menu_wanted(void)
{
    bool held = *(volatile uint8_t *)bios_data(BDA_SHIFTS) & 3;
    for (unsigned i = 0; i < 16 && !held; i++) {
        unsigned key = console_key();
        held = key == KEY_F8;
        if (!key)
            break;
    }
    return held;
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
