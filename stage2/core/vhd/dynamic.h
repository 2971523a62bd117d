/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dynamic and differencing VHDs, behind vhd.c. */
#ifndef CORE_VHD_DYNAMIC_H
#define CORE_VHD_DYNAMIC_H

#include "core/base/image.h"
#include "core/vhd/footer.h"

struct arena;

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

/* Opens the disk whose footer was chosen; fills in the rest of `image`. */
MUST_CHECK enum err vhd_dynamic_open(struct image *image, const struct vhd_footers *footers,
                                     struct arena *a, struct fail *f);

/* The BAT's entry for `block` (< disk->blocks), checked: VHD_BAT_ABSENT or the sector where a block
 * starts that lies inside the file and over none of its structures. */
MUST_CHECK enum err vhd_bat_get(struct image *image, uint32_t block, uint32_t *entry,
                                struct fail *f);

/* Makes disk->bitmap that of `block` of a differencing disk, whose BAT entry is `entry`. */
MUST_CHECK enum err vhd_bitmap_load(struct image *image, uint32_t block, uint32_t entry,
                                    struct fail *f);

/* How many bits from `at` on, below `end`, are alike; most significant bit first. */
uint32_t vhd_bits_alike(const uint8_t *bitmap, uint32_t at, uint32_t end);

/* image->check: counts blocks, refuses those that lie over each other. */
MUST_CHECK enum err vhd_dynamic_check(struct image *image, struct arena *a, struct fail *f);

/* Bytes that it takes for that. */
uint64_t vhd_check_memory(const struct vhd_disk *disk);

/* Sectors of `block` that belong to the disk: fewer than a block's in the last one. */
uint32_t vhd_block_sectors(const struct image *image, uint32_t block);

/* Lists the places where a differencing disk's parent may lie, in the order to try them. What
 * cannot be read or understood is left out. */
MUST_CHECK enum err vhd_parent_list(struct image *image, const struct vhd_header *header,
                                    struct arena *a, struct fail *f);

#endif
