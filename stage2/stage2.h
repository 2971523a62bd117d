/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stage2 has found out, from the drive it was started from to the disk of the entry that was
 * chosen. There is one of it, main.c's; who is handed it reads what it needs. */
#ifndef STAGE2_STAGE2_H
#define STAGE2_STAGE2_H

#include <stdbool.h>
#include "core/base/arena.h"
#include "core/base/blk.h"
#include "core/entry/config.h"
#include "core/entry/open.h"
#include "core/entry/volumes.h"
#include "core/map/format.h"
#include "core/ntfs/ntfs.h"
#include "core/part/table.h"
#include "pc/drive.h"

struct stage2 {
    struct arena arena;
    struct drive drive[MAP_DRIVES_MAX]; /* [0]: the one that vhdboot was started from */
    struct blk watched[MAP_DRIVES_MAX]; /* the same, for what may take long (watch.h) */
    unsigned drive_count;               /* of those that volumes were looked for on */
    struct blk_cache cache;             /* over watched[0] */
    struct part_table partitions;       /* of drive[0] */
    struct ntfs volume;                 /* the one that vhdboot was started from */
    struct config config;
    bool serial_missing; /* the config wants a port that is not there */

    /* Of the entry that was opened last. */
    struct volumes volumes;
    struct boot_disk disk;
};

#endif
