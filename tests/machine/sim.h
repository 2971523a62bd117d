/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The simulated machine's bodies, included once by a test together with the handler's C. The BIOS
 * moves data between its drive and physical memory, as DMA does; the handler and the caller see
 * memory as the processor does: in virtual-8086 mode one page of it is elsewhere than its address
 * says. Each sector that is written is kept, in order: so a power cut can be had afterwards.
 */
#ifndef MACHINE_SIM_H
#define MACHINE_SIM_H

#include <setjmp.h>
#include "unit/unit.h"
#include "resident/frame.h"
#include "resident/handler.c"

#define SIM_SEGMENT    0x9000u
#define SIM_STRIDE     0x1000u
#define SIM_OBJECTS    12
#define BOUNCE_SECTORS 8u /* what fits into a place */
#define MAP_ADDRESS    0x03f00000u
#ifndef MAP_CELLS
#define MAP_CELLS 40000u
#endif
#define RAM_ADDRESS   0x02000000u
#define RAM_BYTES     0x01400000u
#define DRIVE_SECTORS 400000u
#define WRITES_MAX    60000u
#define REMAPPED      0xd0000u /* this page of the caller's is physically at ... */
#define REMAP_TARGET  0x110000u
#define NEVER         UINT32_MAX

struct resident_header header;
struct frame frame;
static bool caller_carry;
uint8_t bounce[BOUNCE_SECTORS * 512];

static struct {
    uint8_t memory[0x120000]; /* 1 MiB, the high memory area, the remapped page's place */
    uint64_t cells[MAP_CELLS];
    uint32_t written[DRIVE_SECTORS];          /* the last write to a sector; 0: none */
    const uint8_t *(*original)(uint32_t lba); /* what it held before; NULL: a pattern */
    const void *object[SIM_OBJECTS];
    unsigned objects;
    bool v86;
    bool vds;            /* and its manager says where buffers are */
    uint32_t locked;     /* sectors of the piece's buffer; 0: it is not */
    bool no_high;        /* nothing reaches extended memory */
    bool no_open;        /* A20 is off: only copies do */
    uint32_t high_left;  /* copies upwards that still work */
    bool no_border;      /* buffers must not cross 64 KiB: error 09h */
    uint32_t most;       /* sectors a call that the BIOS takes */
    uint64_t bad_lba;    /* UINT64_MAX: none */
    uint32_t write_left; /* sectors that can still be written */
    bool late;           /* the one that cannot is on the drive all the same */
    unsigned fail_calls; /* this many calls fail before one succeeds */
    unsigned calls, opened, fetches, fetches_v86;
    unsigned single; /* calls that wrote one sector */
    uint32_t writes;
} sim;

/* Write number n, from 1 on: where, and what. Outside sim: starting anew need not clear it. */
static struct {
    uint32_t lba;
    uint8_t data[512];
} sim_write[WRITES_MAX + 1];

static uint8_t sim_ram[RAM_BYTES];

/* The handler's own objects get places in its segment when their address is asked for. */
uint32_t machine_linear(const void *object)
{
    unsigned i = 0;
    while (i < sim.objects && sim.object[i] != object)
        i++;
    CHECK(i < SIM_OBJECTS);
    sim.object[i] = object;
    if (i == sim.objects)
        sim.objects++;
    return (SIM_SEGMENT << 4) + (i + 1) * SIM_STRIDE;
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
    CHECK(!machine_opened);
    CHECK(size <= 65520);
    for (uint32_t i = 0; i < size; i++)
        *sim_linear(to + i) = *sim_linear(from + i);
}

void machine_get(void *to, uint32_t from, uint32_t size)
{
    CHECK(size % 4 == 0);
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

uint8_t machine_opened;

void machine_open(void)
{
    CHECK(!machine_opened);
    machine_opened = !sim.v86 && !sim.no_high && !sim.no_open;
    sim.opened += machine_opened;
}

void machine_close(void)
{
    machine_opened = 0;
}

bool machine_lock(void)
{
    uint32_t end = piece.buffer + piece.packet.count * 512u;
    CHECK(sim.v86 && !sim.locked);
    if (!sim.vds || (piece.buffer < REMAPPED + 0x1000 && end > REMAPPED))
        return false;
    sim.locked = piece.packet.count;
    return true;
}

void machine_unlock(void)
{
    sim.locked = 0;
}

/* The handler's stack is emptied, and int13_finish() its last function. */
static jmp_buf sim_enter;
static uint8_t sim_status;

_Noreturn void machine_throw(uint32_t status)
{
    CHECK(status & 0xff);
    machine_close();
    machine_unlock();
    sim_status = int13_finish(status);
    longjmp(sim_enter, 1);
}

/* What entry.asm does. */
static void sim_int13(void)
{
    if (!setjmp(sim_enter))
        sim_status = int13_disk();
    CHECK(!machine_opened && !sim.locked);
    sim.memory[BDA_HD_STATUS] = sim_status;
    caller_carry = sim_status != 0;
}

/* Extended memory that is the handler's: the map, and what RAM cells say. */
static uint8_t *sim_high(uint32_t address, uint32_t bytes)
{
    /* Cells are copied by eights. */
    if (range_ok(address - MAP_ADDRESS, bytes, (header.cell_count + 7) / 8 * 64))
        return (uint8_t *)sim.cells + (address - MAP_ADDRESS);
    CHECK(range_ok(address - RAM_ADDRESS, bytes, RAM_BYTES));
    return sim_ram + (address - RAM_ADDRESS);
}

uint64_t machine_peek(uint32_t address)
{
    uint64_t cell;

    CHECK(machine_opened);
    memcpy(&cell, sim_high(address, sizeof(cell)), sizeof(cell));
    return cell;
}

void machine_copy_high(uint32_t to, uint32_t from, uint32_t dwords)
{
    bool up = to > from;
    uint32_t low = up ? from : to;
    uint8_t *high = sim_high(up ? to : from, dwords * 4);
    CHECK(!machine_opened && dwords && (low & 15) + dwords * 4 <= 0x10000);
    if (sim.no_high || (up && !sim.high_left))
        machine_throw(STATUS_CONTROLLER);
    sim.high_left -= up;
    sim.fetches++;
    sim.fetches_v86 += sim.v86;
    for (uint32_t i = 0; i < dwords * 4; i++) { /* in V86 mode by its manager: physical memory */
        if (up)
            high[i] = *sim_physical(low + i);
        else
            *sim_physical(low + i) = high[i];
    }
}

static uint8_t drive_byte(uint64_t lba, unsigned i)
{
    return (uint8_t)(lba * 31 + (lba >> 9) * 7 + i);
}

/* Byte `i` of a sector as it is on the drive. */
static uint8_t sim_drive(uint32_t lba, unsigned i)
{
    if (sim.written[lba])
        return sim_write[sim.written[lba]].data[i];
    return sim.original ? sim.original(lba)[i] : drive_byte(lba, i);
}

static void sim_put(uint32_t lba, const uint8_t *data)
{
    CHECK(lba < DRIVE_SECTORS && sim.writes < WRITES_MAX);
    sim.written[lba] = ++sim.writes;
    sim_write[sim.writes].lba = lba;
    memcpy(sim_write[sim.writes].data, data, 512);
}

uint8_t machine_drive(uint32_t drive)
{
    CHECK(!machine_opened);
    CHECK(drive < header.drive_count);
    CHECK_EQ(piece.packet.size, 16);
    CHECK(piece.packet.zero == 0 && piece.packet.count && piece.packet.count <= 127);
    sim.calls++;
    if (sim.fail_calls) {
        sim.fail_calls--;
        return 0x80;
    }
    if (!header.drive_edd[drive]) {
        CHECK(piece.packet.lba % header.drive_spt[drive] + piece.packet.count <=
              header.drive_spt[drive]);
        if (piece.packet.lba >= 1024u * header.drive_heads[drive] * header.drive_spt[drive])
            return STATUS_PARAMETER;
    }
    CHECK(piece.packet.lba + piece.packet.count <= DRIVE_SECTORS);
    if (piece.packet.count > sim.most)
        return 0x01;
    uint32_t bytes = piece.packet.count * 512u;
    CHECK(!sim.v86 || piece.buffer == machine_linear(bounce) || piece.packet.count <= sim.locked);
    CHECK((piece.buffer & 15) + bytes <= 0x10000);
    if (sim.no_border && piece.buffer >> 16 != (piece.buffer + bytes - 1) >> 16)
        return STATUS_BOUNDARY;
    sim.single += piece.write && piece.packet.count == 1;
    for (uint32_t s = 0; s < piece.packet.count; s++) {
        uint32_t lba = (uint32_t)piece.packet.lba + s;
        if (lba == sim.bad_lba)
            return 0x10;
        bool fails = piece.write && !sim.write_left;
        if (piece.write && (!fails || sim.late)) {
            uint8_t data[512];
            for (unsigned i = 0; i < 512; i++)
                data[i] = *sim_physical(piece.buffer + s * 512 + i);
            sim_put(lba, data);
        }
        if (fails)
            return 0x80;
        if (piece.write)
            sim.write_left -= sim.write_left != NEVER;
        for (unsigned i = 0; i < 512 && !piece.write; i++)
            *sim_physical(piece.buffer + s * 512 + i) = sim_drive(lba, i);
    }
    return 0;
}

static void sim_page_shift(unsigned shift)
{
    header.page_shift = (uint8_t)shift;
    header.page_last = (1u << shift) - 1;
}

static inline void sim_records(uint32_t cells)
{
    uint32_t dwords = (cells - MAP_RECORD_BITMAP) * 2;
    header.record_cells = (uint16_t)cells;
    header.bits_dwords = (uint8_t)(dwords < 128 ? dwords : 128);
    header.bits_shared = (uint16_t)(FACE_SHARED_BITS && dwords < 128 ? dwords * 32 : 0);
}

/* A machine without faults, and a handler that knows nothing yet. The header is the test's. */
static void sim_start(void)
{
    memset(&sim, 0, sizeof(sim));
    memset(&header, 0, sizeof(header));
    cells_forget();
    run = (struct resident_run){0};
    split_64k = false;
    sim.bad_lba = UINT64_MAX;
    sim.most = 127;
    sim.high_left = sim.write_left = NEVER;
    header.map_address = MAP_ADDRESS;
    header.hidden[HIDDEN_MAP].start = RAM_ADDRESS;
    header.hidden[HIDDEN_MAP].end = RAM_ADDRESS + RAM_BYTES;
    sim_page_shift(12);
    header.bounce_sectors = RESIDENT_BOUNCE;
    header.heads = 16;
    header.sectors_per_track = 63;
    header.bios_sectors_max = 127;
    header.bios_hd_count = 1;
    header.drive_shift = 1;
    header.drive_count = 1;
    header.drive[0] = 0x81;
    header.drive_edd[0] = 1;
    header.drive_heads[0] = 16;
    header.drive_spt[0] = 63;
}

#endif
