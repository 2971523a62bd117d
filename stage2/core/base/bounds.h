/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checked arithmetic and the one door to untrusted bytes. */
#ifndef CORE_BASE_BOUNDS_H
#define CORE_BASE_BOUNDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define static_assert _Static_assert

#define SECTOR_SHIFT 9
#define SECTOR_SIZE  512u

/* Does [off, off + len) lie inside [0, limit)? Compares by subtraction, so nothing wraps. */
static inline bool range_ok(uint64_t off, uint64_t len, uint64_t limit)
{
    return off <= limit && len <= limit - off;
}

static inline bool is_power_of_two(uint64_t v)
{
    return v && !(v & (v - 1));
}

/* Rounds up to a multiple of 2^shift. Callers have checked that v + 2^shift does not wrap. */
static inline uint64_t round_up_shift(uint64_t v, unsigned shift)
{
    return (v + ((uint64_t)1 << shift) - 1) >> shift << shift;
}

static inline unsigned log2_u32(uint32_t power_of_two)
{
    return (unsigned)__builtin_ctz(power_of_two);
}

/* Untrusted bytes with their length. Pointers into them come only from view_at. */
struct view {
    const uint8_t *data;
    size_t size;
};

/* A pointer to `size` bytes at `off`, or NULL where they do not all lie inside the view. */
static inline const void *view_at(struct view v, uint64_t off, uint64_t size)
{
    return range_ok(off, size, v.size) ? v.data + (size_t)off : NULL;
}

#endif
