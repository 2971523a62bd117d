/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sorting in place, in n log n steps whatever is in the array: it may come from a hostile disk. */
#ifndef CORE_BASE_SORT_H
#define CORE_BASE_SORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SORT_ITEM_MAX 32 /* bytes of one item */

/* Sorts `count` items of `size` bytes, so that none comes before the one in front of it. Equal ones
 * end up in any order. */
void sort_items(void *items, uint32_t count, size_t size,
                bool (*before)(const void *a, const void *b));

#endif
