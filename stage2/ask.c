/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Passwords at the machine. Nothing that was typed stays in memory: not in a variable, not in the
 * keyboard's buffer. Wrong ones are counted until the machine restarts, whatever entry they were
 * for.
 */
#include "ask.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "core/entry/password.h"
#include "pc/bda.h"
#include "pc/bios.h"
#include "pc/console.h"
#include "pc/long_mode.h"

extern const uint8_t hash64[]; /* pbkdf2_go() as 64-bit code */

/* Iterations between two looks at the keyboard: some milliseconds. */
#define SLICE 200u

static unsigned wrong;        /* tries since power on */
static uint32_t wait_seconds; /* that the next try has to wait */

static void wipe(void *memory, size_t size)
{
    memset(memory, 0, size);
    __asm__ volatile("" : : "r"(memory) : "memory"); /* it is not looked at again, and yet done */
    console_flush_keys();
    for (uint32_t at = BDA_KEYS; at < BDA_KEYS_END; at++)
        *(volatile uint8_t *)bios_data(at) = 0;
}

int ask_line(char *line, size_t size, bool shown)
{
    size_t length = 0;
    for (;;) { /* ends with Enter or Esc */
        unsigned key = console_wait_key(UINT32_MAX);
        char echo[2] = {shown ? (char)key : '*', '\0'};
        if (key == KEY_ENTER || key == KEY_ESCAPE) {
            console_print("\n");
            line[length] = '\0';
            return key == KEY_ENTER ? (int)length : -1;
        }
        if ((key == KEY_BACKSPACE || key == KEY_DELETE) && length) {
            length--;
            console_erase();
        } else if (key >= ' ' && key < KEY_DELETE && length + 1 < size) {
            line[length++] = (char)key;
            console_print(echo);
        }
    }
}

/* pbkdf2_go(), by the processor's widest registers. */
static bool go_on(struct pbkdf2 *k)
{
    if (!long_mode_exists())
        return pbkdf2_go(k, SLICE);
    return long_mode_call(hash64, (uint32_t)(uintptr_t)k, SLICE) & 0xff;
}

/* Returns whether the computation came to its end. */
static bool compute(struct pbkdf2 *k)
{
    uint32_t start = console_ticks();
    bool told = false;
    while (go_on(k)) {
        if (console_key() == KEY_ESCAPE)
            return false;
        if (!told && console_ticks() - start > TICKS_PER_SECOND) {
            told = true;
            console_print("looking whether it is right; Esc leads back\n");
        }
    }
    return true;
}

/* Returns whether the time is over, and not the user's patience. */
static bool wait_over(void)
{
    char line[80];
    struct text t;
    if (!wait_seconds)
        return true;
    text_init(&t, line, sizeof line);
    text_u64(&t, wrong);
    text_str(&t, " wrong passwords: the next one in ");
    text_u64(&t, wait_seconds);
    text_str(&t, " s; Esc leads back");
    console_line(line, "");
    for (; wait_seconds; wait_seconds--) { /* what was waited for counts when one comes again */
        uint32_t start = console_ticks();
        while (console_ticks() - start < TICKS_PER_SECOND) {
            if (console_wait_key(1) == KEY_ESCAPE)
                return false;
        }
    }
    return true;
}

static void count_wrong(void)
{
    if (++wrong < ASK_FREE_TRIES)
        return;
    unsigned doublings = wrong - ASK_FREE_TRIES;
    wait_seconds = doublings < 6 ? ASK_WAIT << doublings : ASK_WAIT_MAX;
}

bool ask_password(const struct password *password, const char *title, struct fail *f)
{
    static char line[PASSWORD_MAX + 1];
    static struct pbkdf2 k;
    bool right = false, stopped = false;
    f->err = ERR_OK;
    if (!password->iterations) {
        (void)fail(f, ERR_CONFIG, "is locked by a password line that is bad: none opens it", 0);
        (void)fail_subject(f, title);
        return false;
    }
    while (!right && !stopped) { /* ends with the password or Esc */
        if (!wait_over())
            return false;
        console_text(title);
        console_print(": password? ");
        int length = ask_line(line, sizeof line, false);
        stopped = length < 0;
        if (!stopped) {
            pbkdf2_begin(&k, line, (size_t)length, password->salt, sizeof password->salt,
                         password->iterations);
            wipe(line, sizeof line);
            stopped = !compute(&k);
        }
        right = !stopped && password_matches(password, &k);
        wipe(&k, sizeof k);
        wipe(line, sizeof line);
        if (!right && !stopped) {
            console_print("That is not the password.\n");
            count_wrong();
        }
    }
    return right;
}
