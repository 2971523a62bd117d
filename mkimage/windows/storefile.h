/* SPDX-License-Identifier: GPL-2.0-or-later */
/* \Boot\BCD of a volume, with what its logs hold, as a tree. */
#ifndef MKIMAGE_WINDOWS_STOREFILE_H
#define MKIMAGE_WINDOWS_STOREFILE_H

#include "cli/say.h"
#include "core/base/arena.h"
#include "core/hive/hive.h"
#include "flash/target.h"
#include "windows/registry.h"
#include "windows/tree.h"

#define STOREFILE_LIMIT ((uint64_t)4 << 20)

struct storefile {
    struct registry_file file; /* the tree's strings lie in its bytes */
    struct hive hive;
    struct tree tree; /* in the arena */
};

/* Reads the store, which is there. Says what is wrong; a store whose logs do not fit is no
 * failure: file.stale tells. */
enum status storefile_open(struct storefile *s, struct target *t, struct arena *arena);
void storefile_close(struct storefile *s);

#endif
