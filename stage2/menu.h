/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The screen to choose from. */
#ifndef STAGE2_MENU_H
#define STAGE2_MENU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/entry/config.h"

/* Seconds to wait where the config file says nothing, or there is none. */
#define MENU_TIMEOUT_DEFAULT 10u
#define MENU_ROWS_MAX        16u

/* Seconds that warnings stay before a start clears the screen. */
#define MENU_HOLD            3u

/* What is chosen and shown, apart from the screen. Entries are counted as they are listed. */
struct menu {
    unsigned count; /* may be 0: all of them are hidden */
    unsigned selected;
    unsigned first;   /* entry in the first visible row */
    unsigned rows;    /* visible */
    unsigned typed;   /* the number typed so far, where the entries need two digits */
    bool counting;    /* the countdown runs */
    uint32_t seconds; /* that are left of it */
};

enum menu_action {
    MENU_STAY,
    MENU_START,
    MENU_START_DISCARD,   /* what is written is gone at power off, this once */
    MENU_START_PROTECTED, /* and nothing can be written */
    MENU_INFO,            /* all about the selected entry */
    MENU_NAME,            /* start one by its name */
    MENU_LETTER,          /* go to the next title that begins so */
    MENU_LEAVE,           /* for the machine's next boot device */
};

/* Up to nine entries a digit starts its entry at once; with more of them digits move the bar and
 * Enter starts. Any key but Enter stops the countdown; Esc where none runs leaves the menu. */
void menu_init(struct menu *m, unsigned count, unsigned selected, uint32_t timeout_seconds);
enum menu_action menu_key(struct menu *m, unsigned key);

/* What the menu shows of the world. */
struct menu_view {
    const struct config *config;
    const char *program; /* name and version */
    const char *label;   /* the volume's */
    void *ctx;           /* what the next two get */
    /* Two lines about an entry, for the foot of the screen; `sparing`: only if they cost little.
     * Returns whether that is all. NULL: there are none. */
    bool (*details)(void *ctx, unsigned entry, bool sparing, char *line, char *second, size_t size);
    /* Prints all about an entry; the screen is clear. NULL: there is nothing. */
    void (*info)(void *ctx, unsigned entry);
    const char *error, *advice; /* shown in a box until the next key; NULL: none */
    bool listed;                /* is there something to say of the config's lines? */
};

struct menu_choice {
    unsigned entry;          /* of the config */
    enum menu_action action; /* one of the MENU_START, or MENU_LEAVE */
};

/* Shows the entries, the bar on `selected`, and returns what the user chose, or `selected` when the
 * time is over. `timeout_seconds` as in struct config; 0 returns at once, without a screen. */
struct menu_choice menu_choose(const struct menu_view *view, unsigned selected,
                               uint32_t timeout_seconds);

/* Does the user hold a Shift key, or has F8 been pressed? */
bool menu_wanted(void);

/* Holds up a start so that its warnings can be read. Returns whether to go on: Esc says no. */
bool menu_hold(void);

#endif
