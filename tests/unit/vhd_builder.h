/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes VHD structures for tests, from the format's description and not from core's code. */
#ifndef TESTS_VHD_BUILDER_H
#define TESTS_VHD_BUILDER_H

#include "unit/fakes.h"

static UNUSED_OK void put_be16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static UNUSED_OK void put_be32(uint8_t *p, uint32_t v)
{
    put_be16(p, (uint16_t)(v >> 16));
    put_be16(p + 2, (uint16_t)v);
}

static UNUSED_OK void put_be64(uint8_t *p, uint64_t v)
{
    put_be32(p, (uint32_t)(v >> 32));
    put_be32(p + 4, (uint32_t)v);
}

/* Sets the checksum at `at` of a structure of `size` bytes. */
static UNUSED_OK void vhd_sum(uint8_t *p, size_t size, size_t at)
{
    uint32_t sum = 0;
    put_be32(p + at, 0);
    for (size_t i = 0; i < size; i++)
        sum += p[i];
    put_be32(p + at, ~sum);
}

static UNUSED_OK void vhd_footer_make(uint8_t footer[512], uint32_t type, uint64_t size, uint8_t id)
{
    memset(footer, 0, 512);
    memcpy(footer, "conectix", 8);
    put_be32(footer + 8, 2);
    put_be32(footer + 12, 0x00010000);
    put_be64(footer + 16, type == 2 ? UINT64_MAX : 512);
    memcpy(footer + 28, "win ", 4);
    put_be32(footer + 32, 0x00060001);
    memcpy(footer + 36, "Wi2k", 4);
    put_be64(footer + 40, size);
    put_be64(footer + 48, size);
    put_be16(footer + 56, 301);
    footer[58] = 4;
    footer[59] = 17;
    put_be32(footer + 60, type);
    memset(footer + 68, id, 16);
    vhd_sum(footer, 512, 64);
}

/*
 * A dynamic or differencing VHD in `file`, built up block by block: copy of the footer, header,
 * BAT, blocks, footer. Everything that belongs to nothing is poison.
 */
#define VHD_POISON 0xee

struct vhd_build {
    uint8_t *file;
    uint32_t room, used;
    uint8_t footer[512];
    uint32_t header_at, bat_at, block_size, bat_entries;
};

static UNUSED_OK uint8_t *vhd_header_at(struct vhd_build *b)
{
    return b->file + b->header_at;
}

static UNUSED_OK void vhd_build_start(struct vhd_build *b, void *file, uint32_t room, uint32_t type,
                                      uint64_t disk_size, uint32_t block_size, uint8_t id)
{
    *b = (struct vhd_build){
        .file = file, .room = room, .header_at = 512, .bat_at = 1536, .block_size = block_size};
    b->bat_entries = (uint32_t)((disk_size + block_size - 1) / block_size);
    memset(file, VHD_POISON, room);
    vhd_footer_make(b->footer, type, disk_size, id);

    uint8_t *h = vhd_header_at(b);
    memset(h, 0, 1024);
    memcpy(h, "cxsparse", 8);
    put_be64(h + 8, UINT64_MAX);
    put_be64(h + 16, b->bat_at);
    put_be32(h + 24, 0x00010000);
    put_be32(h + 28, b->bat_entries);
    put_be32(h + 32, block_size);
    uint32_t bat = (b->bat_entries * 4 + 511) / 512 * 512;
    CHECK(b->bat_at + bat <= room);
    memset(b->file + b->bat_at, 0xff, bat);
    b->used = b->bat_at + bat;
}

static UNUSED_OK uint32_t vhd_bitmap_bytes(const struct vhd_build *b)
{
    return (b->block_size / 4096 + 511) / 512 * 512 + (b->block_size < 4096 ? 512 : 0);
}

/* Adds `block` at the file's end and returns its bitmap (all zeros); the data, poison yet, follow
 * it. */
static UNUSED_OK uint8_t *vhd_build_block(struct vhd_build *b, uint32_t block)
{
    uint32_t bitmap = vhd_bitmap_bytes(b);
    CHECK(b->used + bitmap + b->block_size <= b->room);
    put_be32(b->file + b->bat_at + 4 * block, b->used / 512);
    uint8_t *at = b->file + b->used;
    memset(at, 0, bitmap);
    b->used += bitmap + b->block_size;
    return at;
}

/* Writes copy, header and footer with their sums; b->used is then the file's size. */
static UNUSED_OK void vhd_build_end(struct vhd_build *b)
{
    vhd_sum(vhd_header_at(b), 1024, 36);
    put_be64(b->footer + 16, b->header_at);
    vhd_sum(b->footer, 512, 64);
    memcpy(b->file, b->footer, 512);
    CHECK(b->used + 512 <= b->room);
    memcpy(b->file + b->used, b->footer, 512);
    b->used += 512;
}

#endif
