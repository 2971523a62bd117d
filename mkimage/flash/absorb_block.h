/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One block of a parent that gets what its child stores (absorb.h), in whichever format: where the
 * block's bits lie, in which order they and the data are written, how a new block is linked.
 */
#ifndef MKIMAGE_FLASH_ABSORB_BLOCK_H
#define MKIMAGE_FLASH_ABSORB_BLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/growth.h"
#include "flash/absorb.h"

/* A fixed VHD has no blocks: it is written in pieces of this size. */
#define ABSORB_PIECE_SECTORS 4096u

/* New blocks that wait for their BAT entries: so many share one flush of the drive. */
#define ABSORB_PENDING_MAX   64u

struct absorb_pending {
    uint32_t block, sector;
    bool full; /* VHDX: no parent is asked */
};

struct absorb_writer {
    struct absorb *f;
    uint32_t unit;                 /* sectors: a block of the parent, or a piece */
    uint8_t *data, *mask, *bitmap; /* of one unit: what the child stores, a byte a sector */
    uint32_t next_slot;
    struct absorb_pending pending[ABSORB_PENDING_MAX];
    unsigned pendings;
};

/* Does a fixed VHD's run of sectors stand in the place of blocks? */
static inline bool absorb_is_plain(const struct image *parent)
{
    return !parent->block_size;
}

uint32_t absorb_unit_sectors(const struct image *parent);

/* Bytes of w->bitmap for such a parent. */
uint32_t absorb_bitmap_bytes(const struct image *parent);

/* Writes the sectors of w->data that w->mask names, `count` of which belong to the disk, to block
 * `index`, which is `block`: in place, or into the next slot. False with errno set. */
bool absorb_block_write(struct absorb_writer *w, uint32_t index, const struct image_block *block,
                        uint32_t count);

/* Links the blocks that wait: their bitmaps and data first have to be on the drive. */
bool absorb_block_link(struct absorb_writer *w);

/* The sectors of the parent's file. */
bool absorb_write(struct absorb_writer *w, uint64_t sector, const void *buf, uint64_t sectors);

#endif
