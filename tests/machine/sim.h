/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The simulated machine's bodies, included once by a test together with the handler's C. The BIOS
 * moves data between its drive and physical memory, as DMA does; the handler and the caller see
 * memory as the processor does: in virtual-8086 mode one page of it is elsewhere than its address
 * says.
 */
#ifndef MACHINE_SIM_H
#define MACHINE_SIM_H

#include "unit/unit.h"
#include "resident/int13.c"
#include "resident/disk.c"
#include "resident/int15.c"

#define OLD_INT13     0xf000e3feu
#define OLD_INT15     0xf000f859u
#define SIM_SEGMENT   0x9000u
#define SIM_STRIDE    0x1000u
#define SIM_OBJECTS   8
#define MAP_ADDRESS   0x03f00000u
#define MAP_CELLS     20000u
#define DRIVE_SECTORS 400000u
#define REMAPPED      0xd0000u /* this page of the caller's is physically at ... */
#define REMAP_TARGET  0x110000u

struct resident_header header;
struct frame frame, regs;
uint8_t caller_carry;
uint8_t bounce[RESIDENT_BOUNCE * 512];

static struct {
    uint8_t memory[0x120000]; /* 1 MiB, the high memory area, the remapped page's place */
    uint64_t cells[MAP_CELLS];
    uint8_t written[DRIVE_SECTORS]; /* what a sector was filled with by a write; 0: pattern */
    const void *object[SIM_OBJECTS];
    unsigned objects;
    bool v86, a20_off, no_87;
    bool edd;
    bool no_border;      /* buffers must not cross 64 KiB: error 09h */
    uint32_t most;       /* sectors a call that the BIOS takes */
    uint64_t bad_lba;    /* UINT64_MAX: none */
    unsigned fail_calls; /* this many calls fail before one succeeds */
    unsigned calls, resets, fetches, instructions_87, a20_switched;
} sim;

/* The handler's own objects get places in its segment when their address is asked for. */
uint16_t machine_offset(const void *object)
{
    unsigned i = 0;
    while (i < sim.objects && sim.object[i] != object)
        i++;
    CHECK(i < SIM_OBJECTS);
    sim.object[i] = object;
    if (i == sim.objects)
        sim.objects++;
    return (uint16_t)((i + 1) * SIM_STRIDE);
}

uint16_t machine_segment(void)
{
    return SIM_SEGMENT;
}

uint32_t machine_linear(const void *object)
{
    return (SIM_SEGMENT << 4) + machine_offset(object);
}

static uint8_t *sim_physical(uint32_t address)
{
    CHECK(address < sizeof(sim.memory));
    uint32_t off = address - (SIM_SEGMENT << 4);
    if (off >= SIM_STRIDE && off < SIM_STRIDE * (sim.objects + 1))
        return (uint8_t *)(uintptr_t)sim.object[off / SIM_STRIDE - 1] + off % SIM_STRIDE;
    return sim.memory + address;
}

/* As the processor sees it. */
static uint8_t *sim_linear(uint32_t address)
{
    CHECK(address < FAR_END);
    if (sim.v86 && address >= REMAPPED && address < REMAPPED + 0x1000)
        return sim_physical(address - REMAPPED + REMAP_TARGET);
    return sim_physical(address);
}

void machine_copy(uint32_t to, uint32_t from, uint32_t size)
{
    CHECK(size <= 65520);
    for (uint32_t i = 0; i < size; i++)
        *sim_linear(to + i) = *sim_linear(from + i);
}

void machine_get(void *to, uint32_t from, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        ((uint8_t *)to)[i] = *sim_linear(from + i);
}

void machine_put(uint32_t to, const void *from, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        *sim_linear(to + i) = ((const uint8_t *)from)[i];
}

uint8_t machine_get8(uint16_t address)
{
    return sim.memory[address];
}

void machine_set8(uint16_t address, uint8_t value)
{
    sim.memory[address] = value;
}

void machine_zero(uint32_t to, uint32_t size)
{
    CHECK(size <= 65520);
    for (uint32_t i = 0; i < size; i++)
        *sim_linear(to + i) = 0;
}

bool machine_protected(void)
{
    return sim.v86;
}

static void sim_fetch(void *to, uint32_t from, uint32_t bytes)
{
    CHECK(from >= MAP_ADDRESS && (from - MAP_ADDRESS) % 8 == 0);
    CHECK((from - MAP_ADDRESS) + bytes <= header.cell_count * 8);
    memcpy(to, (uint8_t *)sim.cells + (from - MAP_ADDRESS), bytes);
    sim.fetches++;
}

bool machine_copy_high(void *to, uint32_t from, uint32_t dwords)
{
    CHECK(!sim.v86); /* there it would be a fault */
    if (sim.a20_off)
        return false;
    sim_fetch(to, from, dwords * 4);
    return true;
}

void machine_a20_off(void)
{
    sim.a20_switched++;
}

static uint8_t drive_byte(uint64_t lba, unsigned i)
{
    return (uint8_t)(lba * 31 + (lba >> 9) * 7 + i);
}

static uint8_t sim_transfer(uint64_t lba, uint32_t count, uint32_t address, bool write)
{
    sim.calls++;
    if (sim.fail_calls) {
        sim.fail_calls--;
        return 0x80;
    }
    CHECK(count && count <= 127 && lba + count <= DRIVE_SECTORS);
    if (count > sim.most)
        return 0x01;
    CHECK((address & 15) + count * 512 <= 0x10000);
    if (sim.no_border && address >> 16 != (address + count * 512 - 1) >> 16)
        return 0x09;
    for (uint32_t s = 0; s < count; s++) {
        if (lba + s == sim.bad_lba)
            return 0x10;
        if (write) {
            uint8_t value = *sim_physical(address + s * 512);
            for (unsigned i = 0; i < 512; i++)
                CHECK_EQ(*sim_physical(address + s * 512 + i), value);
            sim.written[lba + s] = value;
        }
        for (unsigned i = 0; i < 512 && !write; i++)
            *sim_physical(address + s * 512 + i) =
                sim.written[lba + s] ? sim.written[lba + s] : drive_byte(lba + s, i);
    }
    return 0;
}

static uint8_t sim_int13(void)
{
    CHECK_EQ(regs.d.l, 0x81);
    uint32_t address = far_linear(regs.es, regs.b.w);
    switch (regs.a.h) {
    case 0x00:
        sim.resets++;
        return 0;
    case 0x42:
    case 0x43: {
        CHECK(sim.edd);
        struct {
            uint8_t size, zero;
            uint16_t count, offset, segment;
            uint64_t lba;
        } d;
        memcpy(&d, sim_physical(far_linear(regs.ds, regs.si.w)), sizeof(d));
        CHECK(d.size == 16 && d.zero == 0);
        return sim_transfer(d.lba, d.count, far_linear(d.segment, d.offset), regs.a.h == 0x43);
    }
    case 0x02:
    case 0x03: {
        uint32_t cylinder = regs.c.h | (regs.c.l & 0xc0) << 2, sector = regs.c.l & 0x3f;
        CHECK(!sim.edd && sector && sector <= 63 && regs.d.h < 16);
        CHECK(sector - 1 + regs.a.l <= 63); /* no call beyond a track */
        return sim_transfer((cylinder * 16 + regs.d.h) * 63 + sector - 1, regs.a.l, address,
                            regs.a.h == 0x03);
    }
    }
    CHECK(!"a function that the handler has no use for");
    return 1;
}

static bool sim_int15(void); /* memory sizes: the test's */

static bool sim_block_move(void)
{
    const uint8_t *gdt = sim_physical(far_linear(regs.es, regs.si.w));
    uint32_t from = gdt[0x12] | gdt[0x13] << 8 | gdt[0x14] << 16 | (uint32_t)gdt[0x17] << 24;
    uint32_t to = gdt[0x1a] | gdt[0x1b] << 8 | gdt[0x1c] << 16 | (uint32_t)gdt[0x1f] << 24;
    CHECK(gdt[0x15] == 0x93 && gdt[0x1d] == 0x93 && gdt[0x10] == 0xff && gdt[0x11] == 0xff);
    if (sim.no_87)
        return true;
    uint8_t cells[256];
    CHECK(regs.c.w * 2u <= sizeof(cells));
    sim_fetch(cells, from, regs.c.w * 2u);
    for (unsigned i = 0; i < regs.c.w * 2u; i++)
        *sim_physical(to + i) = cells[i];
    return false;
}

bool machine_call(uint32_t vector)
{
    uint8_t status = 0;
    bool carry;
    if (vector == OLD_INT13) {
        status = sim_int13();
        regs.a.h = status;
        carry = status != 0;
    } else if (regs.a.h == 0x87) {
        CHECK_EQ(vector, sim.v86 ? 0 : OLD_INT15); /* a monitor sees the instruction alone */
        sim.instructions_87++;
        carry = sim_block_move();
    } else {
        CHECK_EQ(vector, OLD_INT15);
        carry = sim_int15();
        return carry;
    }
    /* A BIOS that leaves rubbish everywhere it may. */
    regs.b.x = regs.c.x = regs.d.x = regs.si.x = regs.di.x = 0xdeadbeef;
    regs.a.x = (regs.a.x & 0xff00) | 0xdead0055;
    return carry;
}

#endif
