/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * INT 13h for DL = 80h. Promises: success is CF = 0 and AH = 0 (AH=15h and 41h excepted), failure
 * CF = 1 and AH the status; 0040:0074 says the same; all other registers keep their values but
 * for documented results. Nothing is ever passed on to the BIOS's own drive 80h.
 */
#include "resident/resident.h"
#include <machine/machine.h>

#define BDA_STATUS   0x474u
#define BDA_HD_COUNT 0x475u
#define EDD_VERSION  0x30
#define EDD_INTERFACE                                                                              \
    0x0005 /* 42h-44h, 47h, 48h; EDD functions. No lock or eject, no flat buffers */

/* A function's result: the status, and on success what AH shows. */
#define RESULT(status, ah) ((uint16_t)((ah) << 8 | (status)))

static uint16_t succeed(uint8_t ah)
{
    (void)ah;
    return 0;
}

static uint16_t last_status(uint8_t ah)
{
    (void)ah;
    return machine_get8(BDA_STATUS);
}

/* Does what `request` and the function say; what it leaves undone stays in request.count. */
static uint8_t transfer(uint8_t ah)
{
    if (!range_ok(request.lba, request.count, header.sectors))
        return STATUS_PARAMETER;
    ah &= 0x3f; /* 43h is a write as 03h is; all above them are without data: it is enough that the
                 * sectors exist */
    if (ah > 3)
        return STATUS_OK;
    request.write = ah & 1;
    if (request.write && header.write_protected)
        return STATUS_WRITE_PROTECTED;
    if (request.buffer >= FAR_END || request.count << 9 > FAR_END - request.buffer)
        return STATUS_BOUNDARY;
    return disk_transfer();
}

/* 02h read, 03h write, 04h verify, 0Ch seek, by CH, CL, DH. */
static uint16_t chs(uint8_t ah)
{
    uint8_t sector = (frame.c.l & 0x3f) - 1;
    uint32_t cylinder = (uint32_t)(frame.c.l & 0xc0) << 2 | frame.c.h;
    uint8_t status = STATUS_PARAMETER;

    request.count = ah == 0x0c ? 1 : frame.a.l;
    request.buffer = far_linear(frame.es, frame.b.w);
    if (request.count && sector < header.sectors_per_track && frame.d.h < header.heads &&
        cylinder < header.cylinders) {
        request.lba = (cylinder * header.heads + frame.d.h) * header.sectors_per_track + sector;
        status = transfer(ah);
    }
    if (ah <= 0x03)
        frame.a.l -= (uint8_t)request.count;
    return status;
}

static uint16_t parameters(uint8_t ah)
{
    (void)ah;
    uint32_t last = header.cylinders - 1u;

    frame.c.h = (uint8_t)last;
    frame.c.l = (uint8_t)((last >> 8 << 6) | header.sectors_per_track);
    frame.d.h = header.heads - 1;
    frame.d.l = header.hidden_drives ? 1 : header.bios_hd_count + 1;
    /* Some BIOSes count again on a reset and lose the added drive; who hooked INT 13h above us
     * counts more, and leaves it to us to say so, as BIOSes do. */
    uint8_t counted = machine_get8(BDA_HD_COUNT);
    if (counted < frame.d.l)
        machine_set8(BDA_HD_COUNT, frame.d.l);
    else
        frame.d.l = counted;
    return 0;
}

static uint16_t drive_type(uint8_t ah)
{
    (void)ah;
    uint32_t sectors = header.sectors >> 32 ? 0xffffffff : (uint32_t)header.sectors;

    frame.c.w = (uint16_t)(sectors >> 16);
    frame.d.w = (uint16_t)sectors;
    return RESULT(STATUS_OK, 3); /* fixed disk */
}

static uint16_t edd_check(uint8_t ah)
{
    (void)ah;
    if (frame.b.w != 0x55aa)
        return STATUS_PARAMETER;
    frame.b.w = 0xaa55;
    frame.c.w = EDD_INTERFACE;
    return RESULT(STATUS_OK, EDD_VERSION);
}

/* The caller's disk address packet. */
static struct {
    uint8_t size, zero;
    uint16_t count, offset, segment;
    uint64_t lba;
} packet;

/* 42h read, 43h write, 44h verify, 47h seek, by the packet at DS:SI. */
static uint16_t edd(uint8_t ah)
{
    uint32_t linear = far_linear(frame.ds, frame.si.w);

    if (linear > FAR_END - sizeof(packet))
        return STATUS_PARAMETER;
    machine_get(&packet, linear, sizeof(packet));
    /* AL of 43h: 0 or 1 write, 2 write and verify; the BIOS below verifies as it does. */
    if (packet.size < sizeof(packet) || (ah == 0x43 && frame.a.l > 2))
        return STATUS_PARAMETER;
    request.lba = packet.lba;
    request.count = packet.count;
    request.buffer = far_linear(packet.segment, packet.offset);
    uint8_t status = transfer(ah);
    /* Only a failure changes the count: the packet may lie inside what was read. */
    if (status) {
        packet.count -= (uint16_t)request.count;
        machine_put(linear + 2, &packet.count, 2);
    }
    return status;
}

static uint16_t edd_parameters(uint8_t ah)
{
    (void)ah;
    uint32_t linear = far_linear(frame.ds, frame.si.w);
    uint16_t size;

    if (linear > FAR_END - RESIDENT_EDD_SIZE)
        return STATUS_PARAMETER;
    machine_get(&size, linear, 2);
    if (size < 0x1a)
        return STATUS_PARAMETER;
    size = size < RESIDENT_EDD_SIZE ? 0x1a : RESIDENT_EDD_SIZE;
    header.edd[0] = (uint8_t)size;
    machine_put(linear, header.edd, size);
    return 0;
}

struct function {
    uint8_t ah;
    uint16_t (*run)(uint8_t ah);
} __attribute__((packed));

/* Most wanted first. What is not listed answers 01h: formats, long and buffer accesses, identify,
 * media change, lock, eject, El Torito, hardware configuration. */
static const struct function functions[] = {
    {0x42, edd},         {0x02, chs},
    {0x43, edd},         {0x03, chs},
    {0x41, edd_check},   {0x48, edd_parameters},
    {0x08, parameters},  {0x15, drive_type},
    {0x00, succeed}, /* reset: the drive below is reset when it fails */
    {0x01, last_status}, {0x04, chs},
    {0x44, edd},         {0x47, edd},
    {0x0c, chs},         {0x09, succeed}, /* set parameters */
    {0x0d, succeed},                      /* alternate reset */
    {0x10, succeed},                      /* ready? */
    {0x11, succeed},                      /* recalibrate */
    {0x14, succeed},                      /* diagnose */
};

void int13_disk(void)
{
    uint16_t result = STATUS_PARAMETER;

    for (unsigned i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (functions[i].ah == frame.a.h) {
            result = functions[i].run(frame.a.h);
            break;
        }

    uint8_t status = (uint8_t)result;
    frame.a.h = status ? status : (uint8_t)(result >> 8);
    machine_set8(BDA_STATUS, status);
    caller_carry = status != 0;
}
