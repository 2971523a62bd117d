/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The arithmetic of memory maps, apart from the BIOS that they come from. */
#ifndef STAGE2_PC_MEMORY_RANGES_H
#define STAGE2_PC_MEMORY_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#define MEMORY_USABLE     1u
#define MEMORY_IGNORED    0u /* an entry that says of itself that it does not count */
#define MEMORY_RANGES_MAX 64

struct memory_range {
    uint64_t start, size;
    uint32_t type; /* of E820h: MEMORY_USABLE, all else is not */
};

/* Sorted, apart from each other, page-aligned, within [1 MiB, 4 GiB), all usable. */
struct memory_ranges {
    unsigned count;
    struct memory_range range[MEMORY_RANGES_MAX];
};

/* What is usable and nowhere said to be anything else. */
void memory_ranges_normalize(struct memory_ranges *ranges, const struct memory_range *raw,
                             unsigned raw_count);

/* The largest; size 0 where there is none. */
struct memory_range memory_ranges_largest(const struct memory_ranges *ranges);

/* [*start, *end) of at least `bytes` at the top of the highest range that is large enough, both
 * multiples of `alignment`, a power of two of at least a page. */
bool memory_ranges_place(const struct memory_ranges *ranges, uint64_t bytes, uint32_t alignment,
                         uint64_t *start, uint64_t *end);

/* The end of conventional memory: `end`, or less where an entry claims something below it. */
uint32_t memory_ranges_low_end(const struct memory_range *raw, unsigned raw_count, uint32_t end);

#endif
