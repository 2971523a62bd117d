/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sentences come from where the fact is known; here they get their frame, and a line each. */
#include "tell.h"
#include <stddef.h>
#include <stdint.h>
#include "core/base/errors.h"
#include "core/base/text.h"
#include "core/chain/chain.h"
#include "core/entry/config.h"
#include "core/entry/open.h"
#include "core/map/map.h"
#include "core/map/room.h"
#include "core/map/scrub.h"
#include "layout.h"
#include "pc/console.h"

#define LINE_SIZE (FAIL_SUBJECT_MAX + 160)

static bool warned;

void tell_error(const struct fail *f)
{
    char line[LINE_SIZE];
    errors_format(f, line, sizeof line);
    console_print("error: ");
    console_line(line, "");
    console_line(errors_advice(f->err), "");
}

static void warn(const char *sentence)
{
    warned = true;
    console_line("warning: ", sentence);
}

void tell_notes(const struct notes *notes)
{
    char line[LINE_SIZE];
    for (unsigned i = 0; i < notes->count; i++) {
        notes_format(notes, i, line, sizeof line);
        warn(line);
    }
}

void tell_complaints(const struct config *config, bool serial_missing)
{
    char line[LINE_SIZE];
    struct text t;
    if (serial_missing)
        warn(BOOT_CONFIG_PATH ": the machine has no such serial port");
    for (unsigned i = 0; i < config->complaint_count && i < CONFIG_COMPLAINTS_MAX; i++) {
        const struct config_complaint *c = &config->complaint[i];
        text_init(&t, line, sizeof line);
        text_str(&t, BOOT_CONFIG_PATH ", line ");
        text_u64(&t, c->line);
        text_str(&t, ": ");
        text_str(&t, c->sentence);
        if (c->word[0]) {
            text_str(&t, ": ");
            text_str(&t, c->word);
        }
        warn(line);
    }
    if (config->complaint_count > CONFIG_COMPLAINTS_MAX) {
        text_init(&t, line, sizeof line);
        text_str(&t, BOOT_CONFIG_PATH ": ");
        text_u64(&t, config->complaint_count - CONFIG_COMPLAINTS_MAX);
        text_str(&t, " more lines are not understood");
        warn(line);
    }
}

bool tell_warned(void)
{
    bool was = warned;
    warned = false;
    return was;
}

void tell_chain(const struct chain *chain)
{
    char line[LINE_SIZE];
    for (unsigned i = 0; i < chain->count; i++) {
        chain_describe(chain, i, line, sizeof line);
        console_text(chain->link[i]->file.path);
        console_line(": ", line);
    }
}

static uint64_t room_mib(const struct map *map)
{
    return (uint64_t)map_records(map) << map->page_shift >> 11;
}

void tell_growth(const struct boot_disk *disk)
{
    char line[LINE_SIZE];
    struct text t;
    const struct map *map = &disk->map;
    text_init(&t, line, sizeof line);
    if (map->growth == MAP_GROWS_IN_MEMORY) {
        const struct map_writes all = {.memory = UINT64_MAX, .contents = disk->in_memory};
        bool enough = map_records(map) == map_room_wanted(map, &all);
        text_str(&t, "changes are kept in memory, ");
        if (!enough) {
            text_str(&t, "up to ");
            text_u64(&t, room_mib(map));
            text_str(&t, " MiB, ");
        }
        text_str(&t, "and gone at power off");
        if (!enough)
            text_str(&t, "; beyond that, writes fail");
    } else if (map->absent) {
        text_str(&t, "room for ");
        text_u64(&t, map_records(map));
        text_str(&t, " new blocks, ");
        text_u64(&t, room_mib(map));
        text_str(&t, " MiB; beyond that, writes to new blocks fail");
    }
    if (t.len)
        console_line(line, "");
}

void tell_slots(const struct map *map, uint32_t look_bytes, const char *before)
{
    char line[LINE_SIZE];
    struct text t;
    if (!look_bytes)
        return;
    text_init(&t, line, sizeof line);
    map_slots_describe(&t, map, before, RESIDENT_SIZE_MAX + look_bytes);
    console_line(line, "");
}

void tell_room(struct text *t, const struct map *map)
{
    uint64_t mib = room_mib(map);
    if (!map->absent)
        return;
    text_str(t, mib ? ", room for " : ", no room for new blocks");
    if (mib)
        text_u64(t, mib);
    text_str(t, mib ? " MiB of new blocks" : "");
}
