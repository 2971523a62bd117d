/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slack: free space inside a dynamic or differencing VHD, between its last block and the footer at
 * its end. New blocks go there, in order; the file never gets longer. Slots are found afresh each
 * time, as other programs may have used some.
 */
#ifndef CORE_VHD_SLACK_H
#define CORE_VHD_SLACK_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"

struct image;

/* Where new blocks go. Sectors of the file; a slot is a block's bitmap and, right behind it, its
 * data. */
struct vhd_slack {
    uint32_t first;          /* of the first slot */
    uint32_t stride;         /* from slot to slot */
    uint32_t count;          /* slots */
    uint32_t bitmap_sectors; /* of a slot */
    uint32_t block_sectors;
    uint32_t bat_sector; /* where the BAT starts */
    uint64_t end;        /* bytes: all that is in use ends here */
    uint64_t limit;      /* bytes: the footer starts here */
    bool noted;          /* the sector in front of it is a note of this file (note.h), and no slot
                          * lies over it */
    uint64_t zero_from;  /* bytes: what slots hold from here on is zeros, as the note says, but for
                          * the first slot: other programs put blocks there, too, and may have left
                          * something; UINT64_MAX: nobody knows */
};

/*
 * The slots of `image`, which must be a dynamic or differencing VHD. They start with their data at
 * a multiple of 4 KiB of the file, unless that would lose more than one in 64. Walks the BAT where
 * opening the image has not. ERR_UNSUPPORTED where the BAT starts within a sector.
 */
MUST_CHECK enum err vhd_slack_find(struct image *image, struct vhd_slack *slack, struct fail *f);

#endif
