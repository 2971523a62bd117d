/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Plug and Play BIOS's installation check: found where it is whole, and only there. */
#include "unit/unit.h"

static uint8_t memory[0x100000];
#define BIOS_LOW_MEMORY memory
#include "pc/pnp.c"

/* A check of `length` bytes whose sum is right. */
static void put(uint32_t at, uint8_t length)
{
    uint8_t sum = 0;
    memcpy(memory + at, "$PnP\x10", 5);
    memory[at + 5] = length;
    memory[at + 8] = 0;
    for (uint32_t i = at; i < at + length && i < sizeof(memory); i++)
        sum += memory[i];
    memory[at + 8] = (uint8_t)-sum;
}

static void start(void)
{
    memset(memory, 0x55, sizeof(memory));
}

TEST(nothing_there)
{
    start();
    CHECK_EQ(pnp_find(), 0);
}

TEST(at_any_paragraph)
{
    static const uint32_t places[] = {0xf0000, 0xf0010, 0xf8450, 0x100000 - 0x30};
    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        start();
        put(places[i], 0x21);
        CHECK_EQ(pnp_find(), places[i]);
    }
}

TEST(not_elsewhere)
{
    start();
    put(0xe0000, 0x21);
    put(0xf0008, 0x21);
    CHECK_EQ(pnp_find(), 0);
}

TEST(wrong_sum_then_a_right_one)
{
    start();
    put(0xf1000, 0x21);
    memory[0xf1020]++;
    CHECK_EQ(pnp_find(), 0);
    put(0xf2000, 0x30);
    CHECK_EQ(pnp_find(), 0xf2000);
}

TEST(lengths_that_cannot_be)
{
    start();
    put(0xf1000, 0x20);
    put(0x100000 - 0x20, 0x21);
    CHECK_EQ(pnp_find(), 0);
}
