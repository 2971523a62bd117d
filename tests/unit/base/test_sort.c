/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The heap sort. */
#include "unit/unit.h"
#include "core/base/sort.h"

struct item {
    uint32_t key;
    uint8_t rest[9]; /* goes with its key */
};

static bool item_before(const void *a, const void *b)
{
    return ((const struct item *)a)->key < ((const struct item *)b)->key;
}

TEST(sort_any_count_in_any_order)
{
    static struct item items[100];
    for (unsigned count = 0; count <= 100; count++) {
        for (unsigned step = 1; step < 8; step++) {
            uint32_t sum = 0;
            for (unsigned i = 0; i < count; i++) {
                uint32_t key = i * step % 7 * 1000 + (step & 1 ? i : count - i);
                items[i] = (struct item){key, {(uint8_t)key, [8] = (uint8_t)(key >> 8)}};
                sum += key;
            }
            sort_items(items, count, sizeof items[0], item_before);
            for (unsigned i = 0; i < count; i++) {
                CHECK(!i || items[i - 1].key <= items[i].key);
                CHECK_EQ(items[i].rest[0], (uint8_t)items[i].key);
                CHECK_EQ(items[i].rest[8], (uint8_t)(items[i].key >> 8));
                sum -= items[i].key;
            }
            CHECK_EQ(sum, 0);
        }
    }
}
