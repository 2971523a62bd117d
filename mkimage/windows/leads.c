/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The menu's own rules find the image: core/entry/windows.h. */
#include "windows/leads.h"
#include <stdio.h>
#include "core/base/arena.h"
#include "core/base/errors.h"
#include "core/entry/windows.h"
#include "windows/bootstore.h"
#include "windows/numbers.h"

enum leads leads_open(const struct bcd_entry *entry, struct target *t, struct config_entry *image,
                      struct file *file)
{
    struct notes notes = {0};
    struct fail ignored;
    unsigned volume;
    if (!windows_entry(image, entry, &t->arena))
        return LEADS_NOWHERE;
    if (windows_volume(&t->volumes, image, &volume, &notes, &ignored))
        return image->where->kind == BCD_LOCATE ? LEADS_NOWHERE : LEADS_ABSENT;
    if (ntfs_open(t->volumes.volume[volume].ntfs, image->vhd, file, &ignored))
        return LEADS_NOWHERE;
    return notes.count ? LEADS_ELSEWHERE : LEADS_THERE;
}

bool leads_find(const struct tree *store, struct target *t, const struct ntfs_identity *image,
                char *id, bool *elsewhere)
{
    struct bcd_entry entry;
    const struct tree_key *at = NULL;
    struct fail ignored;
    bool found = false, shown = false;
    *elsewhere = false;
    if (volumes_find(&t->volumes, &ignored)) /* what they take stays: before any mark */
        return false;
    while (bootstore_next(store, &at, &entry)) { /* ends: each object once */
        size_t mark = arena_mark(&t->arena);
        struct config_entry config;
        struct file file;
        enum leads leads = leads_open(&entry, t, &config, &file);
        bool there = leads == LEADS_THERE || (leads == LEADS_ELSEWHERE && !found);
        struct ntfs_identity own = {0};
        if (there)
            own = ntfs_identify(&file);
        arena_release(&t->arena, mark);
        if (!there || !ntfs_same_file(&own, image))
            continue;
        bool in_order = bootstore_shows(store, entry.id);
        bool better = leads == LEADS_THERE && (!found || *elsewhere || (in_order && !shown));
        if (found && !better)
            continue;
        snprintf(id, STORE_ID_SIZE, "%s", entry.id);
        *elsewhere = leads == LEADS_ELSEWHERE;
        shown = in_order;
        found = true;
    }
    return found;
}
