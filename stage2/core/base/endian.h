/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Integers as they lie on disk. Byte structs, so that they have alignment 1 and cannot be used
 * as numbers by mistake; the compiler turns the accessors into single loads.
 */
#ifndef CORE_BASE_ENDIAN_H
#define CORE_BASE_ENDIAN_H

#include <stdint.h>

typedef struct {
    uint8_t b[2];
} le16;
typedef struct {
    uint8_t b[4];
} le32;
typedef struct {
    uint8_t b[8];
} le64;
typedef struct {
    uint8_t b[2];
} be16;
typedef struct {
    uint8_t b[4];
} be32;
typedef struct {
    uint8_t b[8];
} be64;

static inline uint16_t le16_get(le16 v)
{
    return (uint16_t)(v.b[1] << 8 | v.b[0]);
}

static inline uint32_t le32_get(le32 v)
{
    return (uint32_t)v.b[3] << 24 | (uint32_t)v.b[2] << 16 | (uint32_t)v.b[1] << 8 | v.b[0];
}

static inline uint64_t le64_get(le64 v)
{
    le32 low = {{v.b[0], v.b[1], v.b[2], v.b[3]}};
    le32 high = {{v.b[4], v.b[5], v.b[6], v.b[7]}};
    return (uint64_t)le32_get(high) << 32 | le32_get(low);
}

static inline uint16_t be16_get(be16 v)
{
    return (uint16_t)(v.b[0] << 8 | v.b[1]);
}

static inline uint32_t be32_get(be32 v)
{
    return (uint32_t)v.b[0] << 24 | (uint32_t)v.b[1] << 16 | (uint32_t)v.b[2] << 8 | v.b[3];
}

static inline uint64_t be64_get(be64 v)
{
    be32 high = {{v.b[0], v.b[1], v.b[2], v.b[3]}};
    be32 low = {{v.b[4], v.b[5], v.b[6], v.b[7]}};
    return (uint64_t)be32_get(high) << 32 | be32_get(low);
}

static inline le16 le16_make(uint16_t v)
{
    return (le16){{(uint8_t)v, (uint8_t)(v >> 8)}};
}

static inline le32 le32_make(uint32_t v)
{
    return (le32){{(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)}};
}

static inline le64 le64_make(uint64_t v)
{
    return (le64){{(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24),
                   (uint8_t)(v >> 32), (uint8_t)(v >> 40), (uint8_t)(v >> 48), (uint8_t)(v >> 56)}};
}

static inline be32 be32_make(uint32_t v)
{
    return (be32){{(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v}};
}

static inline be64 be64_make(uint64_t v)
{
    be64 b;
    for (unsigned i = 0; i < 8; i++)
        b.b[i] = (uint8_t)(v >> (56 - 8 * i));
    return b;
}

#endif
