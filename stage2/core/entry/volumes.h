/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The NTFS volumes that images may lie on: the one vhdboot was started from, and, once a path names
 * another one, those of every drive of the machine. A path names a volume by its label or by its
 * serial number (16 hexadecimal digits, as blkid prints it): "BASES:\vhd\base.vhd".
 */
#ifndef CORE_ENTRY_VOLUMES_H
#define CORE_ENTRY_VOLUMES_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"

struct arena;
struct blk;
struct file;
struct ntfs;

#define VOLUMES_MAX 32

struct volumes {
    unsigned count;
    struct {
        struct ntfs *ntfs;
        uint8_t drive_index;
    } volume[VOLUMES_MAX]; /* [0]: the volume that vhdboot was started from */

    /* Finds the others, by volumes_add_drive() for each drive; NULL where there are none. */
    enum err (*find)(struct volumes *v, struct fail *f);
    bool found; /* find() has been called */
    void *ctx;  /* the implementer's */
};

/* Mounts every NTFS volume of a drive but those that are there already. A partition that cannot be
 * mounted is passed over: it may be anything. ERR_MEMORY. */
MUST_CHECK enum err volumes_add_drive(struct volumes *v, struct blk *drive, uint8_t drive_index,
                                      struct arena *a, struct fail *f);

/* Finds the other volumes, where that has not been done. What it allocates stays as long as the
 * volumes are used, so this comes before any arena_mark(). */
MUST_CHECK enum err volumes_find(struct volumes *v, struct fail *f);

/* Opens a file by path, on the volume that it names, else on the first one, and says which volume
 * that was. ERR_NOT_FOUND also where no volume, or more than one, has the name. */
MUST_CHECK enum err volumes_open(struct volumes *v, const char *path, struct file *file,
                                 unsigned *volume, struct fail *f);

#endif
