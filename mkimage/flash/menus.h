/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The menus that may lead to an image of TARGET: its own, and the configs of the other volumes, as
 * a machine that starts there reads them. Only reads.
 */
#ifndef MKIMAGE_FLASH_MENUS_H
#define MKIMAGE_FLASH_MENUS_H

#include <stdbool.h>
#include "cli/say.h"
#include "core/entry/config.h"
#include "core/entry/volumes.h"
#include "core/ntfs/ntfs.h"
#include "flash/target.h"

struct menus_entry {
    const struct config_entry *entry;
    struct volumes *volumes; /* as that machine has them: the one that it starts from first */
    const char *where;       /* " of volume DATA"; "" where it is TARGET's own */
};

/* False: enough. What it takes from the target's arena is given back. */
typedef bool menus_visit(void *ctx, const struct menus_entry *entry);

/* Calls `visit` for every entry of `own`, TARGET's menu, and of every other volume that has a
 * config: without one, a menu leads to no other volume. */
enum status menus_each(struct target *t, const struct config *own, menus_visit *visit, void *ctx);

/* An entry of another volume that starts the file and, with `writing`, keeps its changes: `who`
 * becomes "NAME of volume LABEL", allocated, or NULL. */
enum status menus_starter(struct target *t, const struct ntfs_identity *file, bool writing,
                          char **who);

#endif
