/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What snapshot, rollback and merge share: an entry's image with its parents, on a flash that is to
 * be changed, and the menu that leads to it. */
#ifndef MKIMAGE_FLASH_LEAF_H
#define MKIMAGE_FLASH_LEAF_H

#include <stdbool.h>
#include <stddef.h>
#include "cli/options.h"
#include "cli/say.h"
#include "core/entry/open.h"
#include "flash/edit.h"
#include "flash/menu.h"

struct leaf {
    struct edit edit;
    struct menu menu;
    unsigned entry; /* of the menu */
    struct boot_disk disk;
    bool opened; /* all of it */
};

/* Opens TARGET for writing and the entry with its chain. Refuses a VHDX, and an image that lies on
 * another volume. */
enum status leaf_open(struct leaf *l, const struct options *options);
void leaf_close(struct leaf *l);

/* After a change: the volume and, by `vhd`, an image with its chain as they are now. The menu and
 * the entry stay as they were. */
enum status leaf_reopen(struct leaf *l, const char *vhd);

/* The leaf's path, or its parent's and so on, from the volume's root on, as the volume keeps it;
 * without the volume's name where it lies on another one. */
const char *leaf_path(const struct leaf *l, unsigned link);

/* Is link `link` of the chain on TARGET's own volume? */
bool leaf_on_volume(const struct leaf *l, unsigned link);

/* Refuses where another image of the volume than link `except` (CHAIN_MAX: none) has link `link` as
 * its parent. */
enum status leaf_no_children(struct leaf *l, unsigned link, unsigned except);

/* Does entry `index` of the menu start the leaf? */
bool leaf_has_entry(struct leaf *l, unsigned index);

/*
 * The menu's text with the entry, or with `all` every entry that starts the leaf, starting the
 * image at `path`. Where there is no config that names the entries, one that says the same as the
 * root folder did comes `first`.
 */
struct leaf_menu {
    char *first, *then;
    size_t first_size, then_size;
};
enum status leaf_plan_menu(struct leaf *l, const char *path, bool all, struct leaf_menu *m);
void leaf_menu_free(struct leaf_menu *m);

/* Writes the texts as \vhdboot.cfg; `first` only where there is one. */
enum status leaf_put_first(struct leaf *l, const struct leaf_menu *m);
enum status leaf_put_then(struct leaf *l, const struct leaf_menu *m);

#endif
