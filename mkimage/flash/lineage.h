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
#include "core/chain/chain.h"
#include "flash/config_text.h"
#include "flash/dependents.h"
#include "flash/edit.h"

struct lineage {
    struct edit edit;
    struct config_text text;
    unsigned entry;   /* of the config */
    char *entry_name; /* its name, which outlives a change */
    struct chain chain;
    bool may_be_empty; /* a volume without any entry will do */
    bool broken;       /* the chain ends where a parent is another image by now */
    struct chain
        *parent; /* what lies where the leaf looks for its parent, which it is not; or NULL */
    struct dependents dependents;
    bool dependents_known;
};

/* Opens TARGET for writing and the entry with its chain. Refuses a raw disk, and an image that lies
 * on another volume. */
enum status lineage_open(struct lineage *l, const struct options *options);
void lineage_close(struct lineage *l);

/* The same, but takes a leaf as well whose parent is another image by now. */
enum status lineage_open_to_drop(struct lineage *l, const struct options *options);

/* Opens TARGET for writing and its menu, which may be empty; no entry and no chain. */
enum status lineage_open_menu(struct lineage *l, const struct options *options);

/* After a change: volume and menu as they are now. */
enum status lineage_reopen_menu(struct lineage *l);

/* After a change: the volume and, by `vhd`, an image with its chain as they are now. The config and
 * the entry stay as they were. */
enum status lineage_reopen(struct lineage *l, const char *vhd);

/* The leaf's path, or its parent's and so on, from the volume's root on, as the volume keeps it;
 * without the volume's name where it lies on another one. */
const char *lineage_path(const struct lineage *l, unsigned link);

/* Link `link` of the chain; of a broken one the parent that is there now follows the leaf. */
const struct chain_link *lineage_link(const struct lineage *l, unsigned link);

/* Is link `link` of the chain on TARGET's own volume? */
bool lineage_on_volume(const struct lineage *l, unsigned link);

/*
 * Who but `except` (NULL: nobody) stands on `image`, as a parent of its own: an entry of the menu,
 * opened as the machine opens it, or an image of any volume of TARGET and its further drives. `who`
 * becomes its name, allocated, or NULL.
 */
enum status lineage_dependent(struct lineage *l, const struct chain_link *image,
                              const struct chain_link *except, char **who);

/* Refuses where there is one. */
enum status lineage_no_dependents(struct lineage *l, const struct chain_link *image,
                                  const struct chain_link *except);

/* All images that have a parent; listed once. */
enum status lineage_images(struct lineage *l, const struct dependents **images);

/* Refuses where a merge into the leaf or of the leaf was cut off, and is to be finished first. */
enum status lineage_no_merge(struct lineage *l);

/* Does entry `index` of the config start the image, or this file? */
bool lineage_starts(struct lineage *l, unsigned index, const struct chain_link *image);
bool lineage_starts_file(struct lineage *l, unsigned index, const struct ntfs_identity *wanted);

/* Refuses where the menu of another volume starts the file, which is to go. Nothing of this program
 * writes to another volume than TARGET's. */
enum status lineage_no_starter_elsewhere(struct lineage *l, const struct ntfs_identity *file,
                                         const char *path);

/*
 * The config's text with the entry, or with `all` every entry that starts the leaf, starting the
 * image at `path`; `all` refuses where another volume's menu starts the leaf. Where there is no
 * config that names the entries, one that says the same as the root folder did comes `first`.
 */
struct lineage_config {
    char *first, *then;
    size_t first_size, then_size;
};
enum status lineage_plan_config(struct lineage *l, const char *path, bool all,
                                struct lineage_config *c);
void lineage_config_free(struct lineage_config *c);

/* The two halves of it, for other changes of l->text: `first`, where the text names no entries yet,
 * and then what the text is after the change. */
enum status lineage_complete(struct lineage *l, struct lineage_config *c);
enum status lineage_keep_then(struct lineage *l, struct lineage_config *c);

/* Writes the texts as \vhdboot.cfg; `first` only where there is one. */
enum status lineage_put_first(struct lineage *l, const struct lineage_config *c);
enum status lineage_put_then(struct lineage *l, const struct lineage_config *c);

/* Removes the image at `path`, by all names that it has: one that was left would be a child of a
 * parent that is written from now on. */
enum status lineage_remove(struct lineage *l, const char *path);

/* Writes the texts, so that the entry starts another image, then removes the one at `path`. */
enum status lineage_drop(struct lineage *l, const struct lineage_config *c, const char *path);

#endif
