/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What must hold of the places where an image says that its parent lies. */
#ifndef TESTS_FUZZ_PARENTS_H
#define TESTS_FUZZ_PARENTS_H

#include <stdlib.h>
#include <string.h>
#include "core/base/arena.h"
#include "core/base/image.h"
#include "core/chain/path.h"

static inline void check_parents(const struct image *image, struct arena *a)
{
    static const char *const children[] = {"\\vhd\\sub\\child.vhd", "child.vhd", "../x/child.vhd",
                                           "VOL:\\vhd\\child.vhd"};
    if (image->parent_count > IMAGE_PARENTS_MAX)
        abort();
    size_t mark = arena_mark(a);
    for (unsigned i = 0; i < image->parent_count; i++) {
        if (!image->parent[i].path[0] || !image->parent[i].source)
            abort();
        for (unsigned k = 0; k < sizeof children / sizeof *children; k++) {
            const char *child = children[k];
            size_t volume = chain_path_volume(child);
            size_t before = arena_mark(a);
            char *path = chain_parent_path(child, &image->parent[i], a);
            if (!path)
                continue; /* no memory left */
            if (strlen(path) >= arena_mark(a) - before)
                abort();
            if (chain_path_volume(path) != volume || memcmp(path, child, volume))
                abort(); /* only the user leads to another volume */
            if (strchr("\\/", child[volume]) && path[volume] && !strchr("\\/", path[volume]))
                abort();
            if (child[volume] == '\\' && strstr(path, "\\..\\"))
                abort();
            arena_release(a, before);
        }
    }
    arena_release(a, mark);
}

#endif
