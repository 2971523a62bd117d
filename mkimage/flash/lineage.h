/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What snapshot, rollback and merge share: an entry's image with its parents, on a flash that is to
 * be changed, and the config that leads to it. Link 0 is the leaf, link 1 its parent, and so on.
 */
#ifndef MKIMAGE_FLASH_LINEAGE_H
#define MKIMAGE_FLASH_LINEAGE_H

#include <stdbool.h>
#include <stddef.h>
#include "cli/options.h"
#include "cli/say.h"
#include "core/entry/open.h"
#include "flash/config_text.h"
#include "flash/edit.h"

struct lineage {
    struct edit edit;
    struct config_text text;
    unsigned entry; /* of the config */
    struct boot_disk disk;
};

/* Opens TARGET for writing and the entry with its chain. Refuses a VHDX, and an image that lies on
 * another volume. */
enum status lineage_open(struct lineage *l, const struct options *options);
void lineage_close(struct lineage *l);

/* After a change: the volume and, by `vhd`, an image with its chain as they are now. The config and
 * the entry stay as they were. */
enum status lineage_reopen(struct lineage *l, const char *vhd);

/* The leaf's path, or its parent's and so on, from the volume's root on, as the volume keeps it;
 * without the volume's name where it lies on another one. */
const char *lineage_path(const struct lineage *l, unsigned link);

/* Is link `link` of the chain on TARGET's own volume? */
bool lineage_on_volume(const struct lineage *l, unsigned link);

/* Refuses where another image of the volume than link `except` (CHAIN_MAX: none) has link `link` as
 * its parent. */
enum status lineage_no_children(struct lineage *l, unsigned link, unsigned except);

/* Does entry `index` of the config start the leaf? */
bool lineage_has_entry(struct lineage *l, unsigned index);

/*
 * The config's text with the entry, or with `all` every entry that starts the leaf, starting the
 * image at `path`. Where there is no config that names the entries, one that says the same as the
 * root folder did comes `first`.
 */
struct lineage_config {
    char *first, *then;
    size_t first_size, then_size;
};
enum status lineage_plan_config(struct lineage *l, const char *path, bool all,
                                struct lineage_config *c);
void lineage_config_free(struct lineage_config *c);

/* Writes the texts as \vhdboot.cfg; `first` only where there is one. */
enum status lineage_put_first(struct lineage *l, const struct lineage_config *c);
enum status lineage_put_then(struct lineage *l, const struct lineage_config *c);

/* Writes the texts, so that the entry starts another image, then removes the file at `path`. */
enum status lineage_drop(struct lineage *l, const struct lineage_config *c, const char *path);

#endif
