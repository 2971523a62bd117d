/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Folders that get or lose names, as they were before: for settle.h. */
#ifndef MKIMAGE_NTFS_FOLDER_H
#define MKIMAGE_NTFS_FOLDER_H

#include <stdbool.h>
#include "ntfs/index.h"
#include "ntfs/place.h"
#include "ntfs/volume.h"

struct folder {
    uint64_t number; /* of its record */
    bool disordered; /* its names were not in order: a change was cut off */
    struct index before;
    struct folder *next;
};

struct folders {
    struct folder *first;
    struct placement fresh; /* where the blocks lie that they have got since */
};

/* Notes how a folder is before its first change; nothing where the device has no overlay, and so
 * nothing depends on an order. False with errno set. */
bool folder_watch(struct volume *v, struct _ntfs_inode *folder);

/* Valid until folders_forget. */
const struct placement *folders_fresh(const struct volume *v);

void folders_forget(struct volume *v);

#endif
