/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a program that writes a VHDX needs to know of an open one: where its tables lie, and what
 * its log would change. Only tells; promises that all of it was checked when the image was opened.
 */
#ifndef CORE_VHDX_LAYOUT_H
#define CORE_VHDX_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>
#include "core/vhdx/format.h"

struct image;

struct vhdx_layout {
    struct vhdx_header header; /* the one that counts */
    uint32_t header_offset;    /* VHDX_HEADER_1 or VHDX_HEADER_2: where it lies */
    uint64_t log_offset;       /* bytes */
    uint32_t log_length;       /* 0: the header names no place where a log can be */
    uint64_t bat_offset;
    uint32_t bat_length;
    uint64_t metadata_offset;
    uint32_t metadata_length;
    uint64_t size; /* bytes: the file's, or, if more, what it has once its log is replayed */
    bool has_parent;
    bool sectors_4k; /* the disk's sectors have 4096 bytes */
    bool log_in_use; /* it has to be replayed before anything is written */
    uint32_t log_pages;
    unsigned block_shift; /* log2 of bytes */
    unsigned ratio_shift; /* log2 of blocks a chunk */
    uint32_t block_count;
};

/* `image` was opened by vhdx_open(). */
void vhdx_layout(const struct image *image, struct vhdx_layout *layout);

/* Page `index` (< log_pages) of the log: its place in the file, and its 4096 bytes; *data is NULL
 * where they are zeros. The pages come in the order of their places, none twice. */
void vhdx_log_page(const struct image *image, uint32_t index, uint64_t *offset,
                   const uint8_t **data);

/* The BAT's index of a block's entry, and of a chunk's sector bitmap. */
static inline uint32_t vhdx_bat_block(const struct vhdx_layout *l, uint32_t block)
{
    return block + (block >> l->ratio_shift);
}

static inline uint32_t vhdx_bat_bitmap(const struct vhdx_layout *l, uint32_t chunk)
{
    return ((chunk + 1) << l->ratio_shift) + chunk;
}

/* Entries that the BAT must have for the disk. */
uint32_t vhdx_bat_entries(const struct vhdx_layout *layout);

#endif
