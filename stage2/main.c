/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stage2's story: memory, drive, volume, entries, menu, image, hand-off. Every failure becomes a
 * sentence, a line that says what to do, and a way back for the user; it never restarts the machine
 * and never tries again without a key.
 */
#include <stdbool.h>
#include <stdint.h>
#include "choice.h"
#include "core/base/errors.h"
#include "details.h"
#include "drives.h"
#include "menu.h"
#include "pc/console.h"
#include "pc/memory.h"
#include "pc/serial.h"
#include "pc/trap.h"
#include "stage2.h"
#include "tell.h"
#include "watch.h"

#define LINE_SIZE (FAIL_SUBJECT_MAX + 160)

void stage2_main(uint32_t drive_number, uint64_t volume_lba) __attribute__((noreturn));

static struct stage2 stage2;

/* Where the config wants the menu. */
static void open_console(struct stage2 *s)
{
    const struct config *config = &s->config;
    if (config->console == CONSOLE_SCREEN)
        return;
    s->serial_missing =
        !console_serial(config->serial_port, config->serial_baud, config->console == CONSOLE_BOTH);
    if (!s->serial_missing)
        serial_string("\r\nvhdboot " VERSION "\r\n");
}

/* From the entries to a guest. Returns where there is only one, and it does not start. */
static void choose_and_start(struct stage2 *s, bool wanted)
{
    static struct fail f;
    static char sentence[LINE_SIZE];
    const struct config *config = &s->config;
    struct menu_view view = {.config = config,
                             .program = "vhdboot " VERSION,
                             .label = s->volume.label,
                             .ctx = s,
                             .details = details_lines,
                             .info = details_page,
                             .listed = config->complaint_count || s->serial_missing};
    struct menu_choice choice = {config->default_entry, MENU_START};
    uint32_t timeout = wanted ? CONFIG_TIMEOUT_NONE : config->timeout_seconds;
    size_t mark = arena_mark(&s->arena);
    bool menu = wanted || config->count > 1;
    for (;;) { /* every round but the first waits for the user */
        if (menu)
            choice = menu_choose(&view, choice.entry, timeout);
        enum err err = choice_start(s, &choice, &f);
        arena_release(&s->arena, mark);
        if (err)
            tell_error(&f);
        if (err && !menu && config->count == 1)
            return;
        errors_format(&f, sentence, sizeof sentence);
        view.error = err ? sentence : NULL;
        view.advice = errors_advice(err);
        menu = true;
        timeout = CONFIG_TIMEOUT_NONE;
    }
}

/* From nothing to a guest. Returns when nothing can be started without the user. */
static void run(struct stage2 *s, uint8_t number, uint64_t volume_lba)
{
    static struct fail f;
    bool from_file;
    enum err err = memory_init(&f);
    if (!err) {
        memory_arena(&s->arena);
        err = drives_open(s, number, volume_lba, &f);
    }
    if (!err) {
        watch_begin("reading ", BOOT_CONFIG_PATH);
        err = boot_entries(&s->config, &from_file, &s->volume, &s->arena, &f);
        choice_remember_password(&s->config, !err);
    }
    if (err) {
        tell_error(&f);
        return;
    }
    bool wanted = menu_wanted(); /* before keys are lost */
    open_console(s);
    choose_and_start(s, wanted || menu_wanted());
}

void stage2_main(uint32_t drive_number, uint64_t volume_lba)
{
    static struct fail f;
    trap_init();
    console_init();
    console_line("vhdboot ", VERSION);
    for (;;) { /* every round waits for a key */
        run(&stage2, (uint8_t)drive_number, volume_lba);
        console_flush_keys();
        console_print("Press a key to try again, Esc for the next boot device, or switch the "
                      "machine off.\n");
        if (console_wait_key(UINT32_MAX) == KEY_ESCAPE && choice_leave(&f))
            tell_error(&f);
    }
}
