/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the arena gives, and what it does not. */
#include "unit/unit.h"
#include "core/base/arena.h"

TEST(arena_refuses_what_it_does_not_have)
{
    static uint8_t memory[1024];
    struct arena a;
    arena_init(&a, memory, sizeof memory);
    CHECK(arena_alloc(&a, 2000) == NULL);
    CHECK(arena_array(&a, UINT64_MAX, 8) == NULL);
    size_t mark = arena_mark(&a);
    uint8_t *p = arena_alloc(&a, 100);
    CHECK(p && p >= memory && (uintptr_t)p % 16 == 0);
    memset(p, 0xff, 100);
    arena_release(&a, mark);
    uint8_t *again = arena_alloc(&a, 100);
    CHECK(again == p && !again[0]);
    CHECK(arena_alloc(&a, arena_left(&a)) != NULL);
    CHECK_EQ(arena_left(&a), 0);
}
