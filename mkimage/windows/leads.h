/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the entries of a boot store lead to, as Windows' boot manager finds it: a file is known by
 * its number, not its path. */
#ifndef MKIMAGE_WINDOWS_LEADS_H
#define MKIMAGE_WINDOWS_LEADS_H

#include <stdbool.h>
#include "core/base/file.h"
#include "core/bcd/store.h"
#include "core/entry/config.h"
#include "core/ntfs/ntfs.h"
#include "flash/target.h"
#include "windows/tree.h"

enum leads {
    LEADS_THERE,     /* the image is there */
    LEADS_ELSEWHERE, /* it names a disk that is not there; a file of that path is on another */
    LEADS_ABSENT,    /* it names a disk that is not there, and there is no such file */
    LEADS_NOWHERE,   /* the disk that it names, or every one, is without that file */
};

/* Opens the image of an entry among the volumes of the store's TARGET. `image` says where it lies,
 * in memory of t->arena. */
enum leads leads_open(const struct bcd_entry *entry, struct target *t, struct config_entry *image,
                      struct file *file);

/* The entry of the store that starts this file; one that is shown goes before one that is not. Its
 * object's name in `id`; else one that would start it on another disk: `elsewhere`. false: none. */
bool leads_find(const struct tree *store, struct target *t, const struct ntfs_identity *image,
                char *id, bool *elsewhere);

#endif
