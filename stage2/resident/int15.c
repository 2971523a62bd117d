/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * INT 15h: how much memory there is, without the handler's own and the map's. The BIOS is asked on
 * every call and its answer cut, so that what it knows besides (attributes, types, longer entries)
 * reaches the caller. Never reports more than the BIOS does.
 */
#include "resident/resident.h"
#include <machine/machine.h>

#define SMAP          0x534d4150u
#define E820_USABLE   1
#define E820_RESERVED 2
#define E820_SIZE     20 /* bytes that every entry has; more are the BIOS's own affair */
#define UNSUPPORTED   0x86
#define MIB           0x100000u

/* EBX of the reserved entry that follows where usable memory was cut off: a number that no BIOS
 * uses for its own list, whose EBX goes through as it is. */
#define E820_COOKIE   0x5648444du

static struct {
    uint32_t start, start_high, length, length_high, type;
} entry;

/* What follows the cut of each hidden range. Always the same, however often the list is walked. */
static struct {
    uint32_t length;
    uint32_t next; /* EBX of the BIOS's next entry */
} rest[2];

/* Hidden range `i` is cut off the entry. Whatever the entry has above the range is lost: stage2
 * puts the map at the top of usable memory, so that there is nothing. */
static void entry_cut(unsigned i)
{
    uint32_t start = header.hidden[i * 2];
    uint32_t length = start - entry.start;
    uint32_t hidden = header.hidden[i * 2 + 1] - start;

    /* What the BIOS reserved may be reserved twice, and nothing above 4 GiB is ours. */
    if (entry.type != E820_USABLE || entry.start_high)
        return;
    if (entry.start >= start) {
        if (entry.start - start < hidden)
            entry.type = E820_RESERVED;
    } else if (entry.length_high || entry.length > length) {
        if (!entry.length_high && entry.length - length < hidden)
            hidden = entry.length - length;
        entry.length = length;
        entry.length_high = 0;
        rest[i].length = hidden;
        rest[i].next = regs.b.x;
        regs.b.x = E820_COOKIE + i;
    }
}

/* E820h: the BIOS's entry, cut, or what was cut off, as reserved. */
static bool e820(void)
{
    uint32_t linear = far_linear(frame.es, frame.di.w);
    uint32_t i = frame.b.x - E820_COOKIE;

    if (linear > FAR_END - E820_SIZE || frame.c.x < E820_SIZE)
        return false;
    if (i < 2) {
        entry.start = header.hidden[i * 2];
        entry.start_high = 0;
        entry.length = rest[i].length;
        entry.length_high = 0;
        entry.type = E820_RESERVED;
        regs.b.x = rest[i].next;
        regs.c.x = E820_SIZE;
    } else {
        regs = frame;
        if (machine_call(header.old_int15) || regs.a.x != SMAP)
            return false;
        machine_get(&entry, linear, E820_SIZE);
        entry_cut(0);
        entry_cut(1);
    }
    machine_put(linear, &entry, E820_SIZE);
    frame.a.x = SMAP;
    frame.b.x = regs.b.x;
    frame.c.x = regs.c.x;
    return true;
}

/* The least of a BIOS's 16-bit count and what lies below the map, in units of 1 << shift. */
static void cut(union reg *r, uint32_t from, unsigned shift)
{
    uint32_t start = header.hidden[2];
    uint32_t count = start > from ? (start - from) >> shift : 0;

    if (r->w > count)
        r->w = (uint16_t)count;
}

/* The functions that are one call of the BIOS. */
static bool counts(void)
{
    regs = frame;
    bool carry = machine_call(header.old_int15);
    uint16_t ax = frame.a.w;

    frame.a = regs.a;
    frame.b = regs.b;
    frame.c = regs.c;
    frame.d = regs.d;
    if (carry)
        return false;
    if (ax >> 8 == 0x88) {
        cut(&frame.a, MIB, 10);
    } else if (ax == 0xe801) { /* KiB up to 16 MiB, then blocks of 64 KiB */
        cut(&frame.a, MIB, 10);
        cut(&frame.c, MIB, 10);
        cut(&frame.b, 16 * MIB, 16);
        cut(&frame.d, 16 * MIB, 16);
    }
    return true;
}

void int15_memory(void)
{
    bool ok = false;

    if (frame.a.w == 0xe820 && frame.d.x == SMAP)
        ok = e820();
    else if (frame.a.h == 0x88 || frame.a.w == 0xe801)
        ok = counts();
    /* C7h, 8Ah, DA88h and E881h were offered by few machines, and everyone who asks for them asks
     * the others as well: not supported. */
    if (!ok)
        frame.a.h = UNSUPPORTED;
    caller_carry = !ok;
}
