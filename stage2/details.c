/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens the entry's image as a start would, changes nothing, and gives all memory back. */
#include "details.h"
#include "core/base/errors.h"
#include "core/base/text.h"
#include "core/map/scrub.h"
#include "drives.h"
#include "handoff.h"
#include "pc/console.h"
#include "stage2.h"
#include "tell.h"
#include "watch.h"

#define LINE_SIZE 80u

/* What an entry without an image starts, in a few words. */
static const char *start_text(const struct start *start)
{
    static const char *const texts[] = {[START_NEXT] = "the next boot device",
                                        [START_DISK] = "another disk's boot record",
                                        [START_PARTITION] = "another partition's boot record"};
    return start->kind == START_FILE ? start->path : texts[start->kind];
}

/* Of an image that was opened, `sparing`: without its block list. */
static void write_lines(const struct boot_disk *disk, const struct config_entry *entry,
                        bool sparing, char *line, char *second, size_t size)
{
    static const char *const modes[] = {"changes are kept", "changes are gone at power off",
                                        "write-protected"};
    struct text t;
    text_init(&t, line, size);
    text_str(&t, entry->vhd);
    text_str(&t, ": ");
    chain_describe(&disk->chain, 0, t.buf + t.len, size - t.len);
    text_init(&t, second, size);
    text_str(&t, entry->native ? "by Windows' boot manager, " : "");
    text_str(&t, modes[disk->write_protected ? WRITE_NONE
                       : entry->ram          ? WRITE_DISCARD
                                             : entry->write]);
    if (!sparing)
        tell_room(&t, &disk->map);
    if (disk->chain.count > 1) {
        text_str(&t, ", ");
        text_u64(&t, disk->chain.count - 1);
        text_str(&t, disk->chain.count > 2 ? " parents" : " parent");
    }
    if (disk->notes.count) {
        text_str(&t, "; ");
        notes_format(&disk->notes, disk->notes.count - 1, t.buf + t.len, size - t.len);
    }
}

bool details_lines(void *ctx, unsigned index, bool sparing, char *line, char *second, size_t size)
{
    static struct fail f;
    struct stage2 *s = ctx;
    const struct config_entry *entry = &s->config.entry[index];
    bool image = entry->start.kind == START_IMAGE;
    size_t mark = arena_mark(&s->arena);
    struct text t;
    text_init(&t, second, size);
    text_init(&t, line, size);
    text_str(&t, image ? entry->vhd : start_text(&entry->start));
    if (!image)
        return true;
    drives_begin(s, entry->vhd);
    watch_glance(sparing);
    enum err err = sparing ? boot_look(&s->disk, entry, &s->volumes, &s->arena, &f)
                           : boot_open(&s->disk, entry, &s->volumes, s->arena.size, &s->arena, &f);
    bool gave_up = watch_glance_end();
    if (err && !gave_up)
        errors_format(&f, line, size);
    else if (!gave_up)
        write_lines(&s->disk, entry, sparing, line, second, size);
    arena_release(&s->arena, mark);
    return !sparing && !gave_up;
}

static void write_page(struct stage2 *s, const struct config_entry *entry)
{
    static struct fail f;
    char line[LINE_SIZE];
    struct text t;
    drives_begin(s, entry->vhd);
    if (boot_open(&s->disk, entry, &s->volumes, s->arena.size, &s->arena, &f)) {
        tell_error(&f);
        return;
    }
    tell_chain(&s->disk.chain);
    tell_notes(&s->disk.notes);
    tell_growth(&s->disk);
    if (map_slots_unknown(&s->disk.map) > MAP_SLOTS_LOOKED_AT)
        tell_slots(&s->disk.map, handoff_look_bytes(&s->disk.map), "up to ");
    text_init(&t, line, sizeof line);
    text_u64(&t, s->disk.map.sectors);
    text_str(&t, " sectors, block map of ");
    text_bytes(&t, map_bytes(&s->disk.map));
    text_str(&t, s->disk.write_protected ? ", write-protected" : "");
    console_line(line, "");
}

void details_page(void *ctx, unsigned index)
{
    struct stage2 *s = ctx;
    const struct config_entry *entry = &s->config.entry[index];
    size_t mark = arena_mark(&s->arena);
    console_line(entry->title, "");
    tell_complaints(&s->config, s->serial_missing);
    if (entry->start.kind == START_IMAGE)
        write_page(s, entry);
    else
        console_line(start_text(&entry->start), "");
    (void)tell_warned(); /* they have been read */
    arena_release(&s->arena, mark);
}
