/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An entry's image is found as the menu finds it; a file is known by its number, not its path. */
#include "windows/parents.h"
#include "core/base/arena.h"
#include "core/entry/windows.h"
#include "core/ntfs/ntfs.h"
#include "flash/dependents.h"
#include "windows/bootstore.h"

/* Which image stands on the entry's; NULL: none, or the entry's is not there. */
static const struct dependent *child_of(const struct dependents *all, const struct bcd_entry *entry,
                                        struct config_entry *image, struct target *t)
{
    struct notes notes = {0};
    struct file file;
    struct fail ignored;
    unsigned volume;
    if (!windows_entry(image, entry, &t->arena) ||
        windows_volume(&t->volumes, image, &volume, &notes, &ignored) ||
        ntfs_open(t->volumes.volume[volume].ntfs, image->vhd, &file, &ignored))
        return NULL;
    struct ntfs_identity own = ntfs_identify(&file);
    for (size_t i = 0; i < all->count; i++) {
        const struct dependent *x = &all->image[i];
        if (x->parent_found && ntfs_same_file(&x->parent, &own))
            return x;
    }
    return NULL;
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
        struct config_entry image;
        const struct dependent *child = child_of(&all, &entry, &image, t);
        if (child)
            say_warning("%s: the entry %s in " WINDOWS_STORE_PATH " starts it, but it is the "
                        "parent of %s, which would be damaged; remove that entry (bcdedit /delete "
                        "%s)",
                        image.vhd, entry.id, child->path, entry.id);
        arena_release(&t->arena, mark);
    }
    dependents_free(&all);
    return STATUS_OK;
}
