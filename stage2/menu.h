/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list to choose from, where there is more than one entry. */
#ifndef STAGE2_MENU_H
#define STAGE2_MENU_H

#include <stdbool.h>
#include <stdint.h>
#include "core/entry/config.h"

/* Seconds to wait where the config file says nothing, or there is none. */
#define MENU_TIMEOUT_DEFAULT 10u
#define MENU_ROWS_MAX        16u

/* Seconds that warnings stay before a start clears the screen. */
#define MENU_HOLD            3u

/* What is chosen and shown, apart from the screen. */
struct menu {
    unsigned count;
    unsigned selected;
    unsigned first;   /* entry in the first visible row */
    unsigned rows;    /* visible */
    unsigned typed;   /* the number typed so far, where the entries need two digits */
    bool counting;    /* the countdown runs */
    uint32_t seconds; /* that are left of it */
};

enum menu_action { MENU_STAY, MENU_START, MENU_LEAVE };

/* What menu_choose returns where the user wants the machine's next boot device. */
#define MENU_NEXT_DEVICE UINT32_MAX

/* Up to nine entries a digit starts its entry at once; with more of them digits move the bar and
 * Enter starts. Any key but Enter stops the countdown; Esc where none runs leaves the menu. */
void menu_init(struct menu *m, unsigned count, unsigned selected, uint32_t timeout_seconds);
enum menu_action menu_key(struct menu *m, unsigned key);

/* Shows the entries and returns the chosen one's index, or MENU_NEXT_DEVICE. `timeout_seconds` as
 * in struct config; 0 returns the default without a screen. */
unsigned menu_choose(const struct config *config, uint32_t timeout_seconds);

/* Holds up a start so that its warnings can be read. Returns whether to go on: Esc says no. */
bool menu_hold(void);

#endif
