/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory maps as good and bad BIOSes report them, through the real memory.c and a simulated BIOS.
 */
#include "unit/unit.h"

static uint8_t low_memory[0x600];
#define BIOS_LOW_MEMORY low_memory
#include "pc/memory.c"
#include "pc/memory_ranges.c"

#define KIB 1024u
#define MIB (1024u * 1024u)

static struct {
    bool e820, e801, e88;
    struct memory_range entry[160];
    unsigned count;
    unsigned fail_at; /* CF at this entry; 0: never */
    bool loops;       /* EBX never becomes 0 */
    uint32_t ax, bx, cx, dx;
} machine;

static void answer_e820(struct bios_regs *r)
{
    uint32_t at = r->ebx;
    if (machine.loops)
        at %= machine.count;
    if (at >= machine.count || (machine.fail_at && at == machine.fail_at)) {
        r->eflags = BIOS_CARRY;
        return;
    }
    buffer.start = machine.entry[at].start;
    buffer.size = machine.entry[at].size;
    buffer.type = machine.entry[at].type;
    r->eax = r->edx;
    r->ecx = 20;
    r->ebx = at + 1 < machine.count || machine.loops ? at + 1 : 0;
}

void bios_call(uint8_t vector, struct bios_regs *r)
{
    CHECK_EQ(vector, 0x15);
    r->eflags = 0;
    if (r->eax == 0xe820 && machine.e820) {
        CHECK_EQ(r->edx, SMAP);
        answer_e820(r);
    } else if (r->eax == 0xe801 && machine.e801) {
        r->eax = machine.ax;
        r->ebx = machine.bx;
        r->ecx = machine.cx;
        r->edx = machine.dx;
    } else if (r->eax == 0x8800 && machine.e88) {
        r->eax = machine.ax;
    } else {
        r->eflags = BIOS_CARRY;
    }
}

static struct fail f;

static void machine_new(unsigned low_kib)
{
    memset(&machine, 0, sizeof machine);
    memset(&usable, 0, sizeof usable);
    reported_count = 0;
    low_memory[BDA_LOW_KIB] = (uint8_t)low_kib;
    low_memory[BDA_LOW_KIB + 1] = (uint8_t)(low_kib >> 8);
}

static void entry(uint64_t start, uint64_t size, uint32_t type)
{
    machine.e820 = true;
    machine.entry[machine.count++] = (struct memory_range){start, size, type};
}

TEST(memory_plain_map)
{
    machine_new(639);
    entry(0, 0x9fc00, 1);
    entry(0x9fc00, 0x400, 2);
    entry(0x100000, 63 * MIB, 1);
    entry(0xfffc0000, 0x40000, 2);
    CHECK_EQ(memory_init(&f), ERR_OK);
    struct arena a;
    memory_arena(&a);
    CHECK_EQ((uintptr_t)a.base, 0x100000);
    CHECK_EQ(a.size, 63 * MIB);
    CHECK_EQ(memory_low_end(), 0x9fc00);
}

TEST(memory_unsorted_and_overlapping)
{
    machine_new(640);
    entry(0x4000000, 16 * MIB, 1);
    entry(0x100000, 64 * MIB, 1); /* overlaps the one above */
    entry(0x2000000, 0x1800, 3);  /* claims part of it: two pages are lost */
    entry(0, 0xa0000, 1);
    CHECK_EQ(memory_init(&f), ERR_OK);
    CHECK_EQ(usable.count, 2);
    CHECK_EQ(usable.range[0].start, 0x100000);
    CHECK_EQ(usable.range[0].size, 0x1f00000);
    CHECK_EQ(usable.range[1].start, 0x2002000);
    CHECK_EQ(usable.range[1].size, 0x5000000 - 0x2002000);
}

TEST(memory_ends_below_4_gib)
{
    machine_new(640);
    entry(0x100000, 0x1ff00000, 1);
    entry(0xf0000000, 0x20000000, 1); /* reaches beyond 4 GiB */
    entry(0x100000000, 0x100000000, 1);
    CHECK_EQ(memory_init(&f), ERR_OK);
    CHECK_EQ(usable.count, 2);
    uint64_t start, end;
    CHECK_EQ(memory_map_place(5000, &start, &end, &f), ERR_OK);
    CHECK_EQ(end, 0x100000000);
    CHECK_EQ(start, 0xffffe000);
}

TEST(memory_map_takes_the_highest_range_that_fits)
{
    machine_new(640);
    entry(0x100000, 64 * MIB, 1);
    entry(0x8000000, 0x3000, 1); /* small pieces between tables */
    CHECK_EQ(memory_init(&f), ERR_OK);
    uint64_t start, end;
    CHECK_EQ(memory_map_place(0x3001, &start, &end, &f), ERR_OK);
    CHECK_EQ(end, 0x100000 + 64 * MIB);
    CHECK_EQ(memory_map_place(0x3000, &start, &end, &f), ERR_OK);
    CHECK_EQ(start, 0x8000000);
    CHECK_EQ(memory_map_place(65 * MIB, &start, &end, &f), ERR_MEMORY);
}

TEST(memory_entry_that_wraps)
{
    machine_new(640);
    entry(0x100000, UINT64_MAX - 0x1000, 1);
    entry(0x80000000, UINT64_MAX, 2);
    CHECK_EQ(memory_init(&f), ERR_OK);
    CHECK_EQ(usable.count, 1);
    CHECK_EQ(usable.range[0].size, 0x7ff00000);
}

TEST(memory_broken_off_list_still_counts)
{
    machine_new(640);
    entry(0x100000, 31 * MIB, 1);
    entry(0x4000000, 31 * MIB, 1);
    machine.fail_at = 1;
    CHECK_EQ(memory_init(&f), ERR_OK);
    CHECK_EQ(usable.count, 1);
}

TEST(memory_list_without_end)
{
    machine_new(640);
    entry(0x100000, 31 * MIB, 1);
    entry(0x8000000, 31 * MIB, 1);
    machine.loops = true;
    CHECK_EQ(memory_init(&f), ERR_OK);
    CHECK_EQ(usable.count, 2);
}

TEST(memory_more_ranges_than_kept)
{
    machine_new(640);
    for (unsigned i = 0; i < 120; i++)
        entry(0x100000 + i * MIB, 512 * KIB, 1);
    CHECK_EQ(memory_init(&f), ERR_OK);
    CHECK_EQ(usable.count, MEMORY_RANGES_MAX);
}

TEST(memory_low_memory_trimmed_by_the_map)
{
    machine_new(640);
    entry(0, 0x98000, 1);
    entry(0x98000, 0x8000, 2);
    entry(0x100000, 31 * MIB, 1);
    CHECK_EQ(memory_init(&f), ERR_OK);
    CHECK_EQ(memory_low_end(), 0x98000);
}

TEST(memory_too_little_low_memory)
{
    machine_new(128);
    entry(0x100000, 31 * MIB, 1);
    CHECK_EQ(memory_init(&f), ERR_MEMORY);
}

TEST(memory_e801)
{
    machine_new(640);
    machine.e801 = true;
    machine.ax = 15 * 1024;
    machine.bx = 256;
    CHECK_EQ(memory_init(&f), ERR_OK);
    CHECK_EQ(usable.count, 1); /* the two touch at 16 MiB */
    CHECK_EQ(usable.range[0].size, 31 * MIB);
}

TEST(memory_e801_in_cx_and_dx)
{
    machine_new(640);
    machine.e801 = true;
    machine.cx = 14 * 1024; /* a hole at 15 MiB */
    machine.dx = 16;
    CHECK_EQ(memory_init(&f), ERR_OK);
    CHECK_EQ(usable.count, 2);
    CHECK_EQ(usable.range[0].size, 14 * MIB);
    CHECK_EQ(usable.range[1].start, 16 * MIB);
}

TEST(memory_88h)
{
    machine_new(640);
    machine.e88 = true;
    machine.ax = 3 * 1024;
    CHECK_EQ(memory_init(&f), ERR_OK);
    CHECK_EQ(usable.range[0].size, 3 * MIB);
}

TEST(memory_none)
{
    machine_new(640);
    CHECK_EQ(memory_init(&f), ERR_MEMORY);
    machine.e88 = true;
    machine.ax = 64;
    CHECK_EQ(memory_init(&f), ERR_MEMORY);
    CHECK_EQ(f.value, 64 * KIB);
}
