/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The INT 13h geometry of a disk: not what an image's footer says, which is ATA's, but what the
 * disk was partitioned and formatted with.
 */
#ifndef STAGE2_GEOMETRY_H
#define STAGE2_GEOMETRY_H

#include <stdint.h>
#include "core/base/blk.h"

struct geometry {
    uint16_t cylinders; /* 1..1024 */
    uint8_t heads;      /* 1..255: 256 break MS-DOS */
    uint8_t sectors;    /* a track: 1..63 */
};

/* Cannot fail: where the disk tells nothing, or cannot be read, it is 255 heads of 63 sectors, less
 * on a disk too small for a cylinder of that. The product never exceeds the disk's sectors. */
void geometry_find(struct geometry *g, struct blk *disk);

#endif
