/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An image of TARGET's volume that is to go, or to get other content: which file is it, and who
 * needs it? Every entry of every menu, every image of every volume. Only reads.
 */
#ifndef MKIMAGE_FLASH_NEEDED_H
#define MKIMAGE_FLASH_NEEDED_H

#include <stdbool.h>
#include "cli/say.h"
#include "core/entry/config.h"
#include "core/ntfs/ntfs.h"
#include "flash/lineage.h"

enum needed_place {
    NEEDED_HERE,      /* on TARGET's own volume */
    NEEDED_ELSEWHERE, /* on another volume, which nothing of this program writes to */
    NEEDED_GONE,      /* there is no such file */
};

struct needed {
    char *path; /* on the volume; allocated */
    enum needed_place place;
    struct ntfs_identity file;
    bool is_image; /* l->chain's first link is it, with as many parents as can be opened */
};

/* Finds the image that `vhd` names, and opens it into l->chain as `entry`, which may be NULL, does.
 * Refuses files of the file system's own. */
enum status needed_find(struct needed *n, struct lineage *l, const char *vhd,
                        const struct config_entry *entry);
void needed_free(struct needed *n);

/* Entries that start it: of TARGET's menu all but entry `except` (CONFIG_ENTRIES_MAX: none is
 * left out), and of the other volumes' menus. Then images that stand on it. `why` becomes a half
 * sentence, "entry lab starts it", allocated, or NULL. */
enum status needed_by(struct needed *n, struct lineage *l, unsigned except, char **why);

/* Refuses where the image, new in the place of `file`, would be the parent of one that is there:
 * what `writer`, an entry, writes to it would damage that one. */
enum status needed_no_child(struct lineage *l, const struct image *image,
                            const struct ntfs_identity *file, const char *path, const char *writer);

/* Refuses where an entry writes to the file at `path`, there or not, which is to be a parent. */
enum status needed_no_writer(struct lineage *l, const char *path);

/* Could an image of the root folder with this path be an entry by itself? */
bool needed_is_listed(const char *path);

#endif
