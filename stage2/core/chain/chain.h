/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opens an image with all its parents, child first. The only place where one image's name leads to
 * another file: through `chain_files`, which looks on an NTFS volume or in the host's folders.
 */
#ifndef CORE_CHAIN_CHAIN_H
#define CORE_CHAIN_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/errors.h"
#include "core/base/file.h"
#include "core/base/image.h"

struct arena;

#define CHAIN_MAX 65 /* a leaf and 64 parents */

/* How the chain opens files. Paths are absolute within their world, UTF-8, with / or \; one that a
 * user wrote may start with "VOLUME:", and then so do those that are made from it. */
struct chain_files {
    enum err (*open)(struct chain_files *files, const char *path, struct file *file,
                     uint8_t *drive_index, struct fail *f);
    void *ctx;

    /* Where else a parent may lie: tried after the places that its child names. */
    const char *const *parent;
    unsigned parent_count;
};

struct chain_link {
    const char *path; /* whole, as it was opened; file.path is for messages and may be cut */
    struct file file;
    struct image image;
    struct extent_list extents;
    uint8_t drive_index;  /* which drive the file lies on, as chain_files says */
    unsigned parent_used; /* the next link was found by image.parent[this], or, past its end, by
                           * the user's */
};

struct chain {
    unsigned count;
    struct chain_link *link[CHAIN_MAX]; /* [0] is the leaf */
};

/* Opens `path` and every parent, each by the first place named in its child where an image with the
 * right id lies. Refuses loops, and a parent that holds a part of a merge and is not reached
 * through the child that is merged. A failure names the file it is about, and for a parent both;
 * the links that were opened before stay in `chain`. */
MUST_CHECK enum err chain_open(struct chain *chain, struct chain_files *files, const char *path,
                               struct arena *a, struct fail *f);

/* Is a merge of `child` into link `index` under way, or complete but not cleaned up? */
bool chain_merge_names(const struct chain *chain, unsigned index, const struct image *child);

/* "fixed VHD, 20 GiB, 3 fragments", for link `index`. */
void chain_describe(const struct chain *chain, unsigned index, char *buf, size_t size);

#endif
