/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The disk that a boot table tells of, opened from its drives as they are now, by the rules by
 * which the loader opened it: the same image, the same parents, the same answer to whether it may
 * be written. NTFS is never changed.
 */
#ifndef MKIMAGE_GUEST_DISK_H
#define MKIMAGE_GUEST_DISK_H

#include <stdbool.h>
#include "core/base/arena.h"
#include "core/entry/boottable.h"
#include "core/entry/open.h"
#include "guest/stick.h"
#include "serve/serve.h"

struct disk {
    const struct boottable *table;
    struct above *above; /* changes and contents in memory (hidden.h); NULL where there are none */
    unsigned sticks;
    struct stick stick[MAP_DRIVES_MAX]; /* one for each volume; [0] is the leaf's */
    unsigned stick_of[CHAIN_MAX];       /* by the table's files */

    struct arena arena;
    struct blk_cache cache[MAP_DRIVES_MAX];
    struct volumes volumes;
    struct config_entry entry;
    struct boot_disk boot;
    bool writable; /* what is written to it goes into the image */
};

/* Is all of the disk in memory, so that it needs no drive? */
bool disk_in_memory(const struct disk *d);

/* Finds all drives that it needs, and what is in `memory` (/dev/mem; NULL: nothing is);
 * ERR_NOT_FOUND where one is not there yet. `only`: one drive or image file on which everything
 * lies, or NULL. */
MUST_CHECK enum err disk_find(struct disk *d, const struct boottable *table, const char *memory,
                              const char *only, struct fail *f);

/* Locks the leaf's drive, where it is written, as QEMU and mkimage do. */
MUST_CHECK enum err disk_lock(const struct disk *d, struct fail *f);

/* Opens the image with its parents; replays the log of a VHDX that is written. */
MUST_CHECK enum err disk_open(struct disk *d, struct fail *f);

/* The opened disk as the engine serves it; NULL with the reason in `f`. */
struct serve *disk_serve(struct disk *d, struct fail *f);

/* Gives the memory back; the drives stay open for another disk_open(). */
void disk_shut(struct disk *d);

void disk_close(struct disk *d);

#endif
