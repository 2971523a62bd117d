/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All images that have a parent, wherever they lie: what they name must not change under them. An
 * image is known by what is in it, whatever its name; a file by its number, whatever its path.
 */
#ifndef MKIMAGE_FLASH_DEPENDENTS_H
#define MKIMAGE_FLASH_DEPENDENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/say.h"
#include "core/base/image.h"
#include "core/ntfs/ntfs.h"
#include "flash/target.h"

struct dependent {
    char *path;     /* with its volume's name in front where that is another one */
    bool on_volume; /* TARGET's own */
    struct ntfs_identity file;
    enum image_format format;
    uint8_t id[16], merge_id[16];
    uint8_t parent_id[2][16];
    unsigned parent_ids;
    bool parent_found; /* on its own volume, as the loader looks for it: */
    struct ntfs_identity parent;
};

struct dependents {
    struct dependent *image;
    size_t count;
};

/* Does a differencing image with these ids name `parent` as its parent? */
bool dependents_names(enum image_format format, const uint8_t id[][16], unsigned ids,
                      const struct image *parent);

/* Looks through all files of the target's volume, of the other volumes of its device and of its
 * further drives. What cannot be opened is told and passed over. */
enum status dependents_list(struct dependents *d, struct target *t);
void dependents_free(struct dependents *d);

/* One that stands on `parent`, which is the file `file`: it names its id, and has not found its
 * parent in another file. The file `except` is none (NULL: every one may be). Or NULL. */
const struct dependent *dependents_of(const struct dependents *d, const struct image *parent,
                                      const struct ntfs_identity *file,
                                      const struct ntfs_identity *except);

/* The one behind `last`, or the first where that is NULL, that stands on it; or NULL. */
const struct dependent *dependents_next(const struct dependents *d, const struct image *parent,
                                        const struct ntfs_identity *file,
                                        const struct dependent *last);

/* One that stands on it and was, or is being, merged into it, behind `last` where that is not NULL;
 * or NULL. */
const struct dependent *dependents_merged(const struct dependents *d, const struct image *parent,
                                          const struct ntfs_identity *file,
                                          const struct dependent *last);

#endif
