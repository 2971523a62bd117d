/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The drives that the images lie on, as this system sees them: found among all block devices by
 * what the boot table says of a volume, and held open. Never writes.
 */
#ifndef MKIMAGE_GUEST_STICK_H
#define MKIMAGE_GUEST_STICK_H

#include <stdbool.h>
#include "core/base/blk.h"
#include "core/entry/boottable.h"
#include "host/device.h"

#define STICK_NAME_MAX 64

struct stick {
    char path[STICK_NAME_MAX];      /* of the drive: /dev/sda */
    char partition[STICK_NAME_MAX]; /* the volume's device: "sda1"; the drive's where it is bare */
    struct device device;           /* for reading */
    int writer; /* for reading and writing past the page cache; -1: cannot be written */
    struct blk blk;
    uint64_t start_lba; /* of the volume */
};

/*
 * Finds the one drive that holds the volume. ERR_NOT_FOUND: it is not there yet. ERR_UNSUPPORTED:
 * more than one is the same, and both are named. `only`: look at this drive or image file, and no
 * other; NULL: at all.
 */
MUST_CHECK enum err stick_find(struct stick *s, const struct boottable_volume *volume,
                               const char *only, struct fail *f);
void stick_close(struct stick *s);

#endif
