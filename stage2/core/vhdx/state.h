/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An open VHDX: what the parts of this folder share, and nobody outside it knows. */
#ifndef CORE_VHDX_STATE_H
#define CORE_VHDX_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"
#include "core/vhdx/format.h"

struct file;

#define VHDX_WINDOW_SIZE VHDX_TABLE_SIZE
#define VHDX_BITS_SIZE   0x4000u
#define VHDX_NONE        UINT32_MAX
#define VHDX_AREAS_MAX   4

/* A page of the file as the log has it. */
struct vhdx_page {
    uint64_t number;     /* offset >> VHDX_PAGE_SHIFT */
    uint32_t order;      /* of two for one page the higher is the newer */
    const uint8_t *data; /* NULL: zeros */
};

/* A part of the file where no block may lie. */
struct vhdx_area {
    uint64_t offset;
    uint64_t length;
};

struct vhdx {
    struct file *file;
    uint64_t size; /* the file's, or, if more, what it would have after the log's replay */

    struct vhdx_header header; /* the one that counts */
    uint32_t header_offset;    /* VHDX_HEADER_1 or VHDX_HEADER_2: where it lies */
    bool log_in_use;           /* it was not replayed into the file */

    struct vhdx_page *page; /* the log's, by number; none twice */
    uint32_t page_count;

    struct vhdx_area area[VHDX_AREAS_MAX];
    unsigned area_count;
    uint64_t regions_end; /* all regions, unknown ones among them, end here */

    uint64_t metadata_offset;
    uint32_t metadata_length;
    uint64_t bat_offset;
    uint32_t bat_length;

    bool has_parent;
    bool sectors_4k;
    unsigned block_shift; /* log2 of bytes */
    unsigned ratio_shift; /* log2 of blocks a chunk */
    uint32_t block_count;
    uint64_t last_length; /* bytes of the last block that belong to the disk */

    uint8_t *window;    /* a piece of the BAT; during open whatever is being read */
    uint32_t window_at; /* its offset in the BAT, or VHDX_NONE */

    uint8_t *bits;       /* a piece of a sector bitmap; differencing only */
    uint64_t bits_at;    /* its offset in the file; UINT64_MAX: none */
    uint32_t bits_chunk; /* the chunk whose bitmap's place is known, or VHDX_NONE */
    uint64_t bits_start; /* that place */
};

/* The checksum of a structure whose own field, bytes 4..7, counts as zero. */
uint32_t vhdx_crc(const uint8_t *data, uint32_t len);

/* Keeps blocks away from [offset, offset + length), and from what was reserved before. */
MUST_CHECK enum err vhdx_reserve(struct vhdx *v, uint64_t offset, uint64_t length, struct fail *f);

/* Does any of [offset, offset + length) belong to what was reserved? */
bool vhdx_reserved(const struct vhdx *v, uint64_t offset, uint64_t length);

#endif
