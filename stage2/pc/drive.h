/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A BIOS hard disk as struct blk: EDD or CHS, retries, split requests. */
#ifndef STAGE2_PC_DRIVE_H
#define STAGE2_PC_DRIVE_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/blk.h"
#include "core/base/errors.h"

struct drive {
    struct blk blk; /* reads go through the disk buffer of layout.h */
    uint8_t number; /* 80h .. */
    bool edd;
    bool wraps; /* sectors from 2^28 on are the drive's first ones again: none is touched */
    uint8_t heads, sectors_per_track; /* CHS access */
    uint8_t sectors_max;              /* sectors a call that were seen to work, 1..127 */
    uint8_t sector_shift; /* log2 of 512-byte sectors a BIOS sector: 0, or 3 for 4096 bytes */
};

/* Asks the BIOS about drive `number`. ERR_BIOS where it answers neither 41h nor 08h. */
MUST_CHECK enum err drive_init(struct drive *d, uint8_t number, struct fail *f);

/* Finds out how many sectors a call may take, for those who read without drive_read's care. */
void drive_learn(struct drive *d);

/* How many hard disks the BIOS says there are. */
unsigned drive_hard_disks(void);

#endif
