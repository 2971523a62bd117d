/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kind of file an image is, and how much it grows where Windows expands it. Only reads. */
#ifndef MKIMAGE_WINDOWS_SPACE_H
#define MKIMAGE_WINDOWS_SPACE_H

#include <stdbool.h>
#include <stdint.h>
#include "cli/options.h"
#include "windows/disk.h"

struct space {
    bool vhdx;
    uint64_t needed; /* bytes; 0: it has its full size */
    bool free_known;
    uint64_t free; /* of the volume that it lies on */
};

/* False: it cannot be told. */
bool space_look(struct space *s, const struct options *options, const struct disk *disk);

/* Bytes of an NTFS volume that nobody has; false: its map of clusters cannot be read. */
bool space_free(struct target *t, uint64_t *bytes);

#endif
