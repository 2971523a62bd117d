/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks for the password first, then for what can fail, and last whether the warnings were read. */
#include "choice.h"
#include <stdint.h>
#include "ask.h"
#include "chainload.h"
#include "core/base/bounds.h"
#include "core/entry/password.h"
#include "core/map/scrub.h"
#include "drives.h"
#include "handoff.h"
#include "pc/console.h"
#include "reach.h"
#include "stage2.h"
#include "tell.h"
#include "watch.h"

#define LOOK_AHEAD_TICKS (TICKS_PER_SECOND / 3)

static struct password leaving_password; /* asked for before the next boot device starts */
static bool leaving_asks;

static bool time_is_left(void)
{
    return watch_ticks() < LOOK_AHEAD_TICKS;
}

/* New blocks of a dynamic disk must be empty. Here it is looked at for a moment, which is enough
 * for the blocks that most guests will ever add; for the rest the handler takes memory to do it. */
static MUST_CHECK enum err look_ahead(struct stage2 *s, struct fail *f)
{
    struct blk *blk[MAP_DRIVES_MAX];
    struct map *map = &s->disk.map;
    if (map->growth != MAP_GROWS_DYNAMIC && map->growth != MAP_GROWS_DIFFERENCING)
        return ERR_OK;
    uint8_t *buffer = arena_alloc(&s->arena, MAP_SCRUB_SECTORS * SECTOR_SIZE);
    if (!buffer)
        return fail(f, ERR_MEMORY, "no memory to look at the room for new blocks", 0);
    for (unsigned i = 0; i < s->drive_count; i++)
        blk[i] = &s->drive[i].blk;
    watch_begin("looking at the room for new blocks of ", s->disk.chain.link[0]->path);
    map_scrub(map, blk, time_is_left, buffer);
    tell_slots(map, handoff_look_bytes(map), "");
    return ERR_OK;
}

/* May the start go on? Warnings are read before the guest clears the screen, or the user goes back
 * to the menu because of them. */
static bool warnings_read(const struct config_entry *entry)
{
    return !tell_warned() || entry->quiet || menu_hold();
}

/* What must be true before the guest can be hurt. */
static MUST_CHECK enum err make_ready(struct stage2 *s, const struct config_entry *entry,
                                      struct fail *f)
{
    watch_begin("asking the BIOS what it can read of ", entry->vhd);
    enum err err = reach_check(&s->disk.map, s->drive, s->drive_count, f);
    return err ? err : look_ahead(s, f);
}

static MUST_CHECK enum err hand_over(struct stage2 *s, const struct config_entry *entry,
                                     struct fail *f)
{
    struct drive *list[MAP_DRIVES_MAX];
    if (!warnings_read(entry))
        return ERR_OK;
    watch_begin("starting ", entry->title); /* the last step has been over for a while */
    console_line("starting ", entry->title);
    console_settle();
    for (unsigned i = 0; i < s->drive_count; i++)
        list[i] = &s->drive[i];
    enum err err = handoff_start(&s->disk, entry, &s->volume, list, s->drive_count, &s->arena, f);
    return err == ERR_STOPPED ? f->err = ERR_OK : err; /* the user knows */
}

static MUST_CHECK enum err start_image(struct stage2 *s, const struct config_entry *entry,
                                       struct fail *f)
{
    drives_begin(s, entry->vhd);
    enum err err = boot_open(&s->disk, entry, &s->volumes, s->arena.size, &s->arena, f);
    if (err)
        return err;
    tell_chain(&s->disk.chain);
    tell_notes(&s->disk.notes);
    tell_growth(&s->disk);
    err = make_ready(s, entry, f);
    if (!err)
        err = hand_over(s, entry, f);
    return err ? fail_subject(f, entry->vhd) : ERR_OK;
}

/* What is no virtual disk. */
static MUST_CHECK enum err start_other(struct stage2 *s, const struct config_entry *entry,
                                       struct fail *f)
{
    watch_begin("reading ", entry->start.path ? entry->start.path : entry->title);
    return chainload_start(entry, s, f);
}

/* Windows' own boot manager is to start the image. */
static MUST_CHECK enum err start_native(struct stage2 *s, const struct config_entry *entry,
                                        struct fail *f)
{
    drives_begin(s, entry->vhd);
    return chainload_native(entry, s, f);
}

enum err choice_start(struct stage2 *s, const struct menu_choice *choice, struct fail *f)
{
    if (choice->action == MENU_LEAVE)
        return choice_leave(f);
    struct config_entry entry = s->config.entry[choice->entry];
    const struct password *password =
        config_password(&s->config, choice->entry, choice->action == MENU_START);
    if (password && !ask_password(password, entry.title, f))
        return f->err; /* none: the user gave up */
    tell_complaints(&s->config, s->serial_missing);
    if (entry.start.kind != START_IMAGE)
        return start_other(s, &entry, f);
    if (choice->action == MENU_START_DISCARD)
        entry.write = WRITE_DISCARD;
    if (choice->action == MENU_START_PROTECTED)
        entry.write = WRITE_NONE;
    return entry.native ? start_native(s, &entry, f) : start_image(s, &entry, f);
}

enum err choice_leave(struct fail *f)
{
    f->err = ERR_OK;
    if (!leaving_asks || ask_password(&leaving_password, "the next boot device", f))
        chainload_next();
    return f->err;
}

void choice_remember_password(const struct config *config, bool config_is_known)
{
    if (config->password)
        leaving_password = *config->password;
    if (config->password || config_is_known)
        leaving_asks = config->password;
}
