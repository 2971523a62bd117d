/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where an image's new blocks go, whatever its format. Slack is free space inside the file, behind
 * its last block; a slot is room for one block. Slots are found afresh each time, as other programs
 * may have used some, and taken in order; the file never gets longer.
 */
#ifndef CORE_BASE_GROWTH_H
#define CORE_BASE_GROWTH_H

#include <stdbool.h>
#include <stdint.h>

/* Sectors of the file. A VHD's slot is a block's bitmap and, right behind it, its data; a VHDX's is
 * its data alone. */
struct image_slack {
    uint32_t first;          /* of the first slot */
    uint32_t stride;         /* from slot to slot */
    uint32_t count;          /* slots */
    uint32_t bitmap_sectors; /* of a slot */
    uint32_t block_sectors;
    uint32_t bat_sector; /* where the BAT starts */
    uint32_t chunks;     /* differencing VHDX: sector bitmaps that its disk takes; else 0 */
    uint32_t bitmaps;    /* and how many of them are there: the blocks of others cannot grow */
    uint64_t end;        /* bytes: all that is in use ends here */
    uint64_t limit;      /* bytes: VHD: the footer starts here; VHDX: the file ends here */
    bool noted;          /* the sector in front of it is a note of this file (note.h), and no slot
                          * lies over it */
    bool unsure;         /* the first slot may hold something all the same: other programs put
                          * blocks there, too, and are not known to take the note away */
    uint64_t zero_from;  /* bytes: what slots hold from here on is zeros, as the note says;
                          * UINT64_MAX: nobody knows */
};

/* What the BAT says of a block. */
struct image_block {
    bool present;
    bool full;             /* all of it that belongs to the disk is here: no parent is asked */
    bool zero;             /* not present, and zeros whatever the parents say */
    uint32_t data;         /* present: the file's sector where its data start */
    const uint8_t *bitmap; /* of a differencing disk, where it is not full; until the next call */
};

#endif
