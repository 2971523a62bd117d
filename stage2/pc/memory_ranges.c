/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ranges are inserted in order, merged, and cut where another entry says that they are not usable.
 * No list is too long: what does not fit is left out, and memory that nobody knows is not used. */
#include "pc/memory_ranges.h"

#define PAGE_SIZE 0x1000u
#define FLOOR     0x100000u
#define CEILING   0x100000000u

/* One past the range's last byte; a size that wraps reaches to the end of all memory. */
static uint64_t range_end(const struct memory_range *range)
{
    uint64_t end = range->start + range->size;
    return end < range->start ? UINT64_MAX : end;
}

/* Adds [start, end), cut to whole pages below 4 GiB, at its place in the order. Usable entries may
 * overlap: what the earlier ones hold already is left out by the caller's later merge. */
static void insert(struct memory_ranges *ranges, uint64_t start, uint64_t end)
{
    if (start < FLOOR)
        start = FLOOR;
    if (end > CEILING)
        end = CEILING;
    if (start >= end)
        return;
    start = (start + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
    end &= ~(uint64_t)(PAGE_SIZE - 1);
    if (start >= end || ranges->count == MEMORY_RANGES_MAX)
        return;

    unsigned at = ranges->count++;
    for (; at && ranges->range[at - 1].start > start; at--)
        ranges->range[at] = ranges->range[at - 1];
    ranges->range[at] = (struct memory_range){start, end - start, MEMORY_USABLE};
}

/* Joins ranges that touch or overlap; the list is sorted. */
static void merge(struct memory_ranges *ranges)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < ranges->count; i++) {
        struct memory_range *last = &ranges->range[kept ? kept - 1 : 0];
        struct memory_range *next = &ranges->range[i];
        if (!kept || next->start > range_end(last)) {
            ranges->range[kept++] = *next;
        } else if (range_end(next) > range_end(last)) {
            last->size = range_end(next) - last->start;
        }
    }
    ranges->count = kept;
}

/* Takes [start, end), widened to whole pages, out of every range. */
static void cut(struct memory_ranges *ranges, uint64_t start, uint64_t end)
{
    struct memory_ranges left = {0};
    for (unsigned i = 0; i < ranges->count; i++) {
        const struct memory_range *r = &ranges->range[i];
        uint64_t r_end = range_end(r);
        if (end <= r->start || start >= r_end) {
            insert(&left, r->start, r_end);
            continue;
        }
        insert(&left, r->start, start > r->start ? start : r->start);
        insert(&left, end < r_end ? end : r_end, r_end);
    }
    *ranges = left;
}

void memory_ranges_normalize(struct memory_ranges *ranges, const struct memory_range *raw,
                             unsigned raw_count)
{
    ranges->count = 0;
    for (unsigned i = 0; i < raw_count; i++) {
        if (raw[i].type == MEMORY_USABLE)
            insert(ranges, raw[i].start, range_end(&raw[i]));
    }
    merge(ranges);
    for (unsigned i = 0; i < raw_count; i++) {
        if (raw[i].type != MEMORY_USABLE && raw[i].type != MEMORY_IGNORED && raw[i].size)
            cut(ranges, raw[i].start, range_end(&raw[i]));
    }
}

struct memory_range memory_ranges_largest(const struct memory_ranges *ranges)
{
    struct memory_range largest = {0};
    for (unsigned i = 0; i < ranges->count; i++) {
        if (ranges->range[i].size > largest.size)
            largest = ranges->range[i];
    }
    return largest;
}

bool memory_ranges_place(const struct memory_ranges *ranges, uint64_t bytes, uint32_t alignment,
                         uint64_t *start, uint64_t *end)
{
    for (unsigned i = ranges->count; i-- > 0;) {
        const struct memory_range *r = &ranges->range[i];
        uint64_t top = range_end(r) & ~(uint64_t)(alignment - 1);
        if (top < r->start || top - r->start < bytes)
            continue;
        uint64_t bottom = (top - bytes) & ~(uint64_t)(alignment - 1);
        if (bottom < r->start)
            continue;
        *start = bottom;
        *end = top;
        return true;
    }
    return false;
}

uint32_t memory_ranges_low_end(const struct memory_range *raw, unsigned raw_count, uint32_t end)
{
    for (unsigned i = 0; i < raw_count; i++) {
        /* Entries that claim low memory, such as the interrupt table, are not its upper end. */
        bool claims = raw[i].type != MEMORY_USABLE && raw[i].type != MEMORY_IGNORED && raw[i].size;
        if (claims && raw[i].start < end && raw[i].start >= 0x10000)
            end = (uint32_t)raw[i].start;
    }
    return end;
}
