/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asks the BIOS for the memory map and makes of its answer, which may be unsorted, overlapping or
 * missing, a sorted list of usable ranges above 1 MiB and below 4 GiB.
 */
#include "pc/memory.h"
#include <stdbool.h>
#include "layout.h"
#include "pc/bda.h"
#include "pc/bios.h"
#include "pc/memory_ranges.h"

#define SMAP            0x534d4150u
#define ENTRIES_MAX     128
#define E820_RANGE      20
#define E820_ATTRIBUTES 24
#define EXTENDED_LEAST  0x40000u /* below this nothing useful can be done */
#define MAP_ALIGNMENT   0x1000u

static struct memory_range reported[ENTRIES_MAX];
static unsigned reported_count;
static struct memory_ranges usable;
static struct {
    uint64_t start, size;
    uint32_t type, attributes;
} buffer;

/* INT 15h AX=E820h: a range a call at ES:DI, EBX = where to go on, 0 at the end. Returns whether
 * the BIOS knows the call. */
static bool ask_e820(void)
{
    uint32_t next = 0;

    while (reported_count < ENTRIES_MAX) {
        buffer.attributes = 1; /* for BIOSes that fill in 20 bytes but say 24 */
        struct bios_regs r = {.eax = 0xe820, .ebx = next, .ecx = E820_ATTRIBUTES, .edx = SMAP};
        bios_es_edi(&r, &buffer);
        bios_call(0x15, &r);
        if (bios_failed(&r) || r.eax != SMAP || r.ecx < E820_RANGE)
            break;
        bool ignored = r.ecx >= E820_ATTRIBUTES && !(buffer.attributes & 1);
        reported[reported_count++] = (struct memory_range){buffer.start, buffer.size,
                                                           ignored ? MEMORY_IGNORED : buffer.type};
        next = r.ebx;
        if (!next)
            return true;
    }
    return reported_count != 0;
}

/* INT 15h AX=E801h: AX (or CX) KiB from 1 MiB to 16 MiB, BX (or DX) blocks of 64 KiB above. */
static bool ask_e801(void)
{
    struct bios_regs r = {.eax = 0xe801};
    bios_call(0x15, &r);
    if (bios_failed(&r))
        return false;
    uint32_t below = r.eax & 0xffff;
    uint32_t above = r.ebx & 0xffff;
    if (!below && !above) {
        below = r.ecx & 0xffff;
        above = r.edx & 0xffff;
    }
    if (!below || below > 15 * 1024)
        return false;
    reported[0] = (struct memory_range){0x100000, (uint64_t)below << 10, MEMORY_USABLE};
    reported[1] = (struct memory_range){0x1000000, (uint64_t)above << 16, MEMORY_USABLE};
    reported_count = 2;
    return true;
}

/* INT 15h AH=88h: KiB above 1 MiB, never more than 64 MiB. */
static bool ask_88(void)
{
    struct bios_regs r = {.eax = 0x8800};
    bios_call(0x15, &r);
    uint32_t size = r.eax & 0xffff;
    if (bios_failed(&r) || !size)
        return false;
    reported[0] = (struct memory_range){0x100000, (uint64_t)size << 10, MEMORY_USABLE};
    reported_count = 1;
    return true;
}

uint32_t memory_low_end(void)
{
    const volatile uint8_t *kib = bios_data(BDA_LOW_KIB);
    uint32_t end = (uint32_t)(kib[0] | kib[1] << 8) << 10;
    return memory_ranges_low_end(reported, reported_count, end < 0xa0000 ? end : 0xa0000);
}

enum err memory_init(struct fail *f)
{
    bool (*const ask[])(void) = {ask_e820, ask_e801, ask_88};
    struct memory_range largest = {0};
    for (unsigned i = 0; i < 3 && largest.size < EXTENDED_LEAST; i++) {
        reported_count = 0;
        if (!ask[i]())
            continue;
        memory_ranges_normalize(&usable, reported, reported_count);
        largest = memory_ranges_largest(&usable);
    }
    if (largest.size < EXTENDED_LEAST)
        return fail(f, ERR_MEMORY, "this machine has only %u bytes of usable memory above 1 MiB",
                    largest.size);
    if (memory_low_end() < LOW_MEMORY_NEEDED)
        return fail(f, ERR_MEMORY, "this machine has only %u bytes of conventional memory",
                    memory_low_end());
    return ERR_OK;
}

void memory_arena(struct arena *a)
{
    struct memory_range largest = memory_ranges_largest(&usable);
    arena_init(a, (void *)(uintptr_t)largest.start, (size_t)largest.size);
}

enum err memory_map_place(uint64_t bytes, uint64_t *start, uint64_t *end, struct fail *f)
{
    if (memory_ranges_place(&usable, bytes, MAP_ALIGNMENT, start, end))
        return ERR_OK;
    return fail(f, ERR_MEMORY, "this machine has no free memory of %u bytes in one piece", bytes);
}
