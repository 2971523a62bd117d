/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walks from the entry to the disk's boot record with the loader's own code. Only reads. */
#include "verbs/check_entry.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "cli/bytes.h"
#include "cli/json.h"
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/base/image.h"
#include "core/base/text.h"
#include "core/chain/chain.h"
#include "core/entry/open.h"
#include "core/map/map.h"
#include "core/map/scrub.h"
#include "flash/entry.h"
#include "flash/start_check.h"
#include "image/slack.h"
#include "layout.h"

/* What the machine may have to do about slots, as it will say then. */
static void look_at_slots(const struct map *map, char *text, size_t size)
{
    size_t used = strlen(text);
    struct text t;
    if (map_slots_unknown(map) <= MAP_SLOTS_LOOKED_AT)
        return;
    text_init(&t, text + used, size - used);
    text_str(&t, ", ");
    map_slots_describe(&t, map, "up to ", RESIDENT_SIZE_MAX + RESIDENT_LOOK);
}

/* How much new data the leaf has room for, where it is one that gets new blocks. */
static void look_at_slack(struct check_entry *c, const struct boot_disk *disk, struct arena *arena,
                          char *text, size_t size)
{
    struct image *leaf = &disk->chain.link[0]->image;
    struct slack slack;
    struct fail f;
    /* A fixed VHDX may have blocks that are not there yet. */
    if (!leaf->slack ||
        (leaf->format == IMAGE_VHDX ? !slack_grows(leaf) : leaf->kind == IMAGE_FIXED))
        return;
    c->has_slack = !slack_find(&slack, leaf, arena, &f);
    if (!c->has_slack)
        return;
    c->slack_blocks = slack_left(&slack);
    c->slack_bytes = (uint64_t)c->slack_blocks * slack.now.block_sectors << SECTOR_SHIFT;
    c->slack_absent = slack.absent;
    /* An entry that keeps no changes needs none, and nobody is sent to reserve some for it. */
    bool needed =
        disk->map.growth == MAP_GROWS_DYNAMIC || disk->map.growth == MAP_GROWS_DIFFERENCING;
    size_t used = strlen(text);
    if (!slack.absent)
        snprintf(text + used, size - used, ", every block is stored");
    else if (c->slack_blocks)
        snprintf(text + used, size - used, ", slack for %s", slack_text(&slack, c->slack_blocks));
    else if (needed)
        snprintf(text + used, size - used, ", slack is used up: mkimage reserve gives it more");
    look_at_slots(&disk->map, text, size);
}

static void look_at_map(struct check_entry *c, const struct boot_disk *disk, const struct target *t)
{
    uint64_t runs = 0;
    for (uint64_t lba = 0; lba < disk->map.sectors; runs++) /* ends: a run has a sector */
        lba += map_find_long(&disk->map, lba).count;
    steps_passed(&c->steps, "map", "%" PRIu64 " sectors, %" PRIu64 " run%s, %s%s",
                 disk->map.sectors, runs, runs == 1 ? "" : "s", bytes_text(map_bytes(&disk->map)),
                 c->write_protected ? ", write-protected" : "");
    steps_warn_notes(&c->steps, &disk->notes, &t->volume.notes);
}

/* The last thing that the machine looks at before it starts the disk. */
static void look_at_system(struct check_entry *c, const struct boot_disk *disk,
                           const struct target *t)
{
    uint8_t sector[SECTOR_SIZE];
    struct fail f;
    enum err err = boot_record_read(&disk->map, t->drive, sector, &f);
    c->system = !err ? SYSTEM_THERE : err == ERR_NO_SYSTEM ? SYSTEM_MISSING : SYSTEM_UNKNOWN;
    if (!err)
        return;
    (void)fail_subject(&f, c->entry->vhd);
    steps_failed_as(&c->steps, "map", &f);
}

/* What an entry without an image starts. */
static void look_at_start(struct check_entry *c, struct target *t)
{
    char text[512];
    struct fail f;
    if (start_check(t, c->entry, text, sizeof text, &f))
        steps_failed_as(&c->steps, "start", &f);
    else
        steps_passed(&c->steps, "start", "%s", text);
}

static void look(struct check_entry *c, struct target *t)
{
    static struct boot_disk disk;
    struct fail f;
    if (boot_open(&disk, c->entry, &t->volumes, 0, &t->arena, &f)) {
        steps_failed_as(&c->steps, "image", &f);
        return;
    }
    /* How much room there is for changes in memory, only the machine knows. */
    c->write_protected = boot_write_protected(&disk) && disk.map.growth != MAP_GROWS_IN_MEMORY;
    for (unsigned i = 0; i < disk.chain.count; i++) {
        char text[256];
        chain_describe(&disk.chain, i, text, sizeof text);
        if (!i)
            look_at_slack(c, &disk, &t->arena, text, sizeof text);
        steps_passed(&c->steps, "image", "%s: %s", disk.chain.link[i]->file.path, text);
    }
    look_at_map(c, &disk, t);
    look_at_system(c, &disk, t);
}

void check_entry_look(struct check_entry *c, struct target *t, const struct config_entry *entry)
{
    *c = (struct check_entry){.entry = entry};
    bool found = t->volumes.found;
    size_t mark = arena_mark(&t->arena);
    if (entry->start.kind == START_IMAGE && !entry->native)
        look(c, t);
    else
        look_at_start(c, t);
    if (t->volumes.found == found)
        arena_release(&t->arena, mark);
}

void check_entry_free(struct check_entry *c)
{
    steps_free(&c->steps);
}

void check_entry_json(const struct check_entry *c)
{
    if (c->entry) {
        json_string("entry", c->entry->name);
        json_string("title", c->entry->title);
        json_string("vhd", c->entry->vhd);
        json_string("write", entry_write_name(c->entry));
        json_bool("ram", c->entry->ram);
        json_bool("write_protected", c->write_protected);
    } else {
        json_null("entry");
    }
    if (c->system == SYSTEM_UNKNOWN)
        json_null("system");
    else
        json_bool("system", c->system == SYSTEM_THERE);
    if (c->has_slack) {
        json_object("slack");
        json_number("blocks", c->slack_blocks);
        json_number("bytes", c->slack_bytes);
        json_number("absent", c->slack_absent);
        json_end();
    } else {
        json_null("slack");
    }
}
