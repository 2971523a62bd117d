/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An entry's image is found as the menu finds it; a file is known by its number, not its path. */
#include "windows/parents.h"
#include "core/base/arena.h"
#include "core/entry/windows.h"
#include "core/ntfs/ntfs.h"
#include "flash/dependents.h"
#include "windows/bootstore.h"
#include "windows/leads.h"

/* Which image stands on this one; NULL: none. */
static const struct dependent *child_of(const struct dependents *all, const struct file *file)
{
    struct ntfs_identity own = ntfs_identify(file);
    for (size_t i = 0; i < all->count; i++) {
        const struct dependent *x = &all->image[i];
        if (x->parent_found && ntfs_same_file(&x->parent, &own))
            return x;
    }
    return NULL;
}

static void look(const struct dependents *all, const struct bcd_entry *entry,
                 const struct tree *store, struct target *t)
{
    struct config_entry image = {0};
    struct file file;
    enum leads leads = leads_open(entry, t, &image, &file);
    if (leads == LEADS_NOWHERE && image.vhd && bootstore_shows(store, entry->id))
        say_warning("%s: is not there, but the entry %s in " WINDOWS_STORE_PATH " starts it; "
                    "remove that entry (bcdedit /delete %s)",
                    image.vhd, entry->id, entry->id);
    if (leads == LEADS_NOWHERE || leads == LEADS_ABSENT)
        return;
    const struct dependent *child = child_of(all, &file);
    if (child)
        say_warning("%s: the entry %s in " WINDOWS_STORE_PATH " starts it, but it is the "
                    "parent of %s, which would be damaged; remove that entry (bcdedit /delete "
                    "%s)",
                    image.vhd, entry->id, child->path, entry->id);
}

enum status parents_warn(const struct tree *store, struct target *t)
{
    struct dependents all;
    enum status status = dependents_list(&all, t);
    if (status)
        return status;
    struct bcd_entry entry;
    const struct tree_key *at = NULL;
    while (bootstore_next(store, &at, &entry)) { /* ends: each object once */
        size_t mark = arena_mark(&t->arena);
        look(&all, &entry, store, t);
        arena_release(&t->arena, mark);
    }
    dependents_free(&all);
    return STATUS_OK;
}
