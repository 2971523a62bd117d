/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A heap sort: no memory but one item's, and no array that makes it slow. */
#include "core/base/sort.h"
#include "core/base/mem.h"

struct heap {
    uint8_t *items;
    size_t size;
    bool (*before)(const void *a, const void *b);
};

static uint8_t *item_at(const struct heap *h, uint32_t index)
{
    return h->items + index * h->size;
}

/* Puts `item`, which lies outside the heap of `count` items, at `root`, or below it as far as there
 * are children that belong above it. */
static void sink(const struct heap *h, const void *item, uint32_t root, uint32_t count)
{
    while (root < count / 2) { /* ends: root at least doubles */
        uint32_t child = 2 * root + 1;
        if (child + 1 < count && h->before(item_at(h, child), item_at(h, child + 1)))
            child++;
        if (!h->before(item, item_at(h, child)))
            break;
        memcpy(item_at(h, root), item_at(h, child), h->size);
        root = child;
    }
    memcpy(item_at(h, root), item, h->size);
}

void sort_items(void *items, uint32_t count, size_t size,
                bool (*before)(const void *a, const void *b))
{
    const struct heap h = {.items = items, .size = size, .before = before};
    uint64_t held[SORT_ITEM_MAX / sizeof(uint64_t)];
    for (uint32_t i = count / 2; i > 0; i--) {
        memcpy(held, item_at(&h, i - 1), size);
        sink(&h, held, i - 1, count);
    }
    for (uint32_t left = count; left > 1; left--) {
        memcpy(held, item_at(&h, left - 1), size);
        memcpy(item_at(&h, left - 1), item_at(&h, 0), size);
        sink(&h, held, 0, left - 1);
    }
}
