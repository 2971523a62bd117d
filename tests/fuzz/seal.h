/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes the checksums of an image right that a fuzzer made up, so that what stands behind them is
 * reached. */
#ifndef TESTS_FUZZ_SEAL_H
#define TESTS_FUZZ_SEAL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "core/base/bounds.h"
#include "core/base/crc32c.h"
#include "core/base/endian.h"
#include "core/vhdx/format.h"

#define SEAL_LOG_MAX 64u /* pages of an entry of a VHDX's log */

/* The file: what is asked for lies inside of it. */
struct seal {
    uint64_t size;
    void *ctx;
    void (*get)(void *ctx, uint64_t off, void *buf, uint64_t len);
    void (*put)(void *ctx, uint64_t off, const void *buf, uint64_t len);
};

static inline void seal_crc(const struct seal *s, uint64_t off, uint32_t len)
{
    static uint8_t buf[SEAL_LOG_MAX * VHDX_PAGE_SIZE];
    if (!range_ok(off, len, s->size))
        return;
    s->get(s->ctx, off, buf, len);
    memset(buf + 4, 0, 4);
    le32 crc = le32_make(crc32c(0, buf, len));
    s->put(s->ctx, off + 4, crc.b, 4);
}

static inline void seal_sum(const struct seal *s, uint64_t off, uint32_t len, uint32_t at)
{
    uint8_t buf[1024];
    uint32_t sum = 0;
    if (!range_ok(off, len, s->size))
        return;
    s->get(s->ctx, off, buf, len);
    memset(buf + at, 0, 4);
    for (uint32_t i = 0; i < len; i++)
        sum += buf[i];
    be32 right = be32_make(~sum);
    s->put(s->ctx, off + at, right.b, 4);
}

/* A table, where there is one: nobody looks at the checksum of one that is not called so. */
static inline void seal_table(const struct seal *s, uint64_t off, uint32_t len, const char name[4])
{
    char held[4] = "";
    if (range_ok(off, len, s->size))
        s->get(s->ctx, off, held, sizeof held);
    if (!memcmp(held, name, sizeof held))
        seal_crc(s, off, len);
}

/* The four tables of a VHDX that have one. */
static inline void seal_vhdx(const struct seal *s)
{
    seal_table(s, VHDX_HEADER_1, VHDX_HEADER_SIZE, "head");
    seal_table(s, VHDX_HEADER_2, VHDX_HEADER_SIZE, "head");
    seal_table(s, VHDX_REGIONS_1, VHDX_TABLE_SIZE, "regi");
    seal_table(s, VHDX_REGIONS_2, VHDX_TABLE_SIZE, "regi");
}

/* What begins in this sector: a footer or header of a VHD, an entry of a VHDX's log. */
static inline void seal_sector(const struct seal *s, uint64_t off, bool is_vhdx)
{
    uint8_t sector[SECTOR_SIZE];
    if (!range_ok(off, sizeof sector, s->size))
        return;
    s->get(s->ctx, off, sector, sizeof sector);
    struct vhdx_log_header h;
    memcpy(&h, sector, sizeof h);
    uint32_t length = le32_get(h.length);
    if (is_vhdx && !memcmp(h.signature, "loge", 4) && length &&
        length <= SEAL_LOG_MAX * VHDX_PAGE_SIZE)
        seal_crc(s, off, length);
    if (!is_vhdx && !memcmp(sector, "conectix", 8))
        seal_sum(s, off, 512, 64);
    if (!is_vhdx && !memcmp(sector, "cxsparse", 8))
        seal_sum(s, off, 1024, 36);
}

#endif
