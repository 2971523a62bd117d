/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes VHD structures for tests, from the format's description and not from core's code. */
#ifndef TESTS_VHD_BUILDER_H
#define TESTS_VHD_BUILDER_H

#include "fakes.h"

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

#endif
