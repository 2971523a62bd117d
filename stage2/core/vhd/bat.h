/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block table of a dynamic or differencing VHD, and the blocks' bitmaps: where a block lies,
 * and which of its sectors it has. All that the table says is checked here.
 */
#ifndef CORE_VHD_BAT_H
#define CORE_VHD_BAT_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/endian.h"
#include "core/base/errors.h"
#include "core/base/growth.h"

struct image;

/* The open disk: image->ctx. */
struct vhd_disk {
    uint64_t bat_offset;    /* bytes */
    uint64_t header_offset; /* bytes */
    uint64_t limit;         /* bytes: blocks end here at the latest */
    uint32_t blocks;        /* entries of the BAT that the disk needs */
    uint32_t bitmap_sectors;
    unsigned block_shift;    /* log2 of sectors a block */
    uint64_t structures_end; /* bytes: header, the whole BAT and parent locators end here */
    uint64_t blocks_end;     /* bytes: the highest block ends here; 0 until the BAT was walked */

    be32 *bat; /* a piece of the BAT: entries [bat_first, bat_first + bat_count) */
    uint32_t bat_first, bat_count, bat_room;

    uint8_t *bitmap;       /* of block bitmap_block; only in a differencing disk */
    uint32_t bitmap_block; /* UINT32_MAX: none */
};

/* Sectors of `block` that belong to the disk: fewer than a block's in the last one. */
uint32_t vhd_block_sectors(const struct image *image, uint32_t block);

/* The BAT's entry for `block` (< disk->blocks), checked: VHD_BAT_ABSENT or the sector where a block
 * starts that lies inside the file and over none of its structures. */
MUST_CHECK enum err vhd_bat_get(struct image *image, uint32_t block, uint32_t *entry,
                                struct fail *f);

/* Makes disk->bitmap that of `block` of a differencing disk, whose BAT entry is `entry`. */
MUST_CHECK enum err vhd_bitmap_load(struct image *image, uint32_t block, uint32_t entry,
                                    struct fail *f);

/* image->block. */
MUST_CHECK enum err vhd_block_get(struct image *image, uint32_t block, struct image_block *found,
                                  struct fail *f);

#endif
