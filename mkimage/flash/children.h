/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands on an image that gets new content: its children, theirs, and so on. They find another
 * disk under them then, so they go with the old one, or stay where they cannot take the new one for
 * their parent. Only looks.
 */
#ifndef MKIMAGE_FLASH_CHILDREN_H
#define MKIMAGE_FLASH_CHILDREN_H

#include <stdbool.h>
#include <stdint.h>
#include "cli/say.h"
#include "core/base/image.h"
#include "core/ntfs/ntfs.h"

struct flash_image;
struct lineage;
struct needed;

struct child {
    char *path;
    bool on_volume, direct;
    struct ntfs_identity file;
    struct image image; /* its id and format alone */
    uint8_t parent_id[2][16];
    unsigned parent_ids;
};

struct children {
    struct child *child; /* a generation behind the other */
    unsigned count;
};

/* All of them, of the machine's volumes, with the lineage open for `old`. */
enum status children_find(struct children *c, struct lineage *l, const struct needed *old);
void children_free(struct children *c);

/* Is it one of them, or the old image? By whatever name. */
bool children_hold(const struct children *c, const struct needed *old,
                   const struct ntfs_identity *file);

/* "\a.vhd, \b.vhd and 3 more" in a static buffer. */
const char *children_names(const struct children *c);

/* Refuses where one that stays would read the new image as its parent. */
enum status children_may_stay(const struct children *c, const struct flash_image *from);

/* Refuses where one cannot be removed, or would be missed. */
enum status children_may_go(const struct children *c, struct lineage *l, const struct needed *old);

#endif
