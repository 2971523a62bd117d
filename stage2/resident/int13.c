/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * INT 13h for DL = 80h. Promises: success is CF = 0 and AH = 0 (AH=15h and 41h excepted), failure
 * CF = 1 and AH the status; 0040:0074 says the same; all other registers keep their values but
 * for documented results. Nothing is ever passed on to the BIOS's own drive 80h.
 */
#include "resident/int13.h"
#include "pc/bda.h"
#include "pc/int13_format.h"
#include "resident/disk.h"
#include "resident/frame.h"
#include "resident/request.h"
#include "resident/resident.h"
#include <machine/machine.h>

#define EDD_VERSION   0x30
/* No lock or eject, no flat buffers. */
#define EDD_INTERFACE (EDD_INTERFACE_ACCESS | EDD_INTERFACE_FUNCTIONS)

/* Does what `request` and the function say; what it leaves undone stays in its count. */
static void transfer(uint32_t ah)
{
    if (request.packet.lba > header.sectors ||
        header.sectors - request.packet.lba < request.packet.count)
        machine_throw(STATUS_PARAMETER);
    ah &= 0x3f; /* 43h is a write as 03h is; all above them are without data: it is enough that the
                 * sectors exist */
    if (ah > 3)
        return;
    request.write = ah & 1;
    if (request.write && header.write_protected)
        machine_throw(STATUS_WRITE_PROTECTED);
    if (request.buffer + ((uint32_t)request.packet.count << 9) > FAR_END)
        machine_throw(STATUS_BOUNDARY);
    disk_transfer();
}

/* 02h read, 03h write, 04h verify, 0Ch seek, by CH, CL, DH. */
static void chs(uint32_t ah)
{
    uint32_t sector = (frame.c.l & 0x3fu) - 1;
    uint32_t cylinder = (uint32_t)(frame.c.l & 0xc0) << 2 | frame.c.h;

    request.packet.count = frame.a.l;
    if (ah == 0x0c) { /* to a track, whatever AL and the sector are */
        request.packet.count = 1;
        sector = 0;
    }
    request.buffer = far_linear(frame.es, frame.b.w);
    if (!request.packet.count || sector >= header.sectors_per_track || frame.d.h >= header.heads ||
        cylinder >= header.cylinders)
        machine_throw(STATUS_PARAMETER);
    request.packet.lba = (cylinder * header.heads + frame.d.h) * header.sectors_per_track + sector;
    transfer(ah);
}

static void parameters(void)
{
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
}

static void drive_type(void)
{
    uint32_t sectors = header.sectors >> 32 ? 0xffffffff : (uint32_t)header.sectors;

    frame.c.w = (uint16_t)(sectors >> 16);
    frame.d.w = (uint16_t)sectors;
}

static void edd_check(void)
{
    if (frame.b.w != 0x55aa)
        machine_throw(STATUS_PARAMETER);
    frame.b.w = 0xaa55;
    frame.c.w = EDD_INTERFACE;
}

/* 42h read, 43h write, 44h verify, 47h seek, by the packet at DS:SI. */
static void edd(uint32_t ah)
{
    uint32_t linear = far_linear(frame.ds, frame.si.w);

    if (linear > FAR_END - sizeof(struct edd_packet))
        machine_throw(STATUS_PARAMETER);
    machine_get(&request.packet, linear, sizeof(struct edd_packet));
    /* AL of 43h: 0 or 1 write, 2 write and verify; the BIOS below verifies as it does. */
    if (request.packet.size < sizeof(struct edd_packet) || (ah == 0x43 && frame.a.l > 2))
        machine_throw(STATUS_PARAMETER);
    request.from = linear;
    request.total = request.packet.count;
    request.buffer = far_linear(request.packet.segment, request.packet.offset);
    transfer(ah);
}

static void edd_parameters(void)
{
    uint32_t linear = far_linear(frame.ds, frame.si.w);
    uint16_t size[2];

    if (linear > FAR_END - sizeof(struct edd_parameters))
        machine_throw(STATUS_PARAMETER);
    machine_get(size, linear, 4);
    if (size[0] < EDD_PARAMETERS_LEAST)
        machine_throw(STATUS_PARAMETER);
    size[0] = size[0] < sizeof(struct edd_parameters) ? EDD_PARAMETERS_LEAST
                                                      : sizeof(struct edd_parameters);
    header.edd.size.b[0] = (uint8_t)size[0]; /* the other byte is 0 */
    machine_put(linear, &header.edd, size[0]);
}

uint8_t int13_finish(uint32_t result)
{
    uint8_t status = (uint8_t)result;

    if (frame.a.h <= 3)
        frame.a.l -= (uint8_t)request.packet.count;
    frame.a.h = (uint8_t)(result >> 8);
    if (status) {
        frame.a.h = status;
        /* Only a failure changes the packet: it may lie inside what was read. */
        if (request.from) {
            request.total -= (uint16_t)request.packet.count;
            machine_put(request.from + 2, &request.total, 2);
        }
    }
    return status;
}

uint8_t int13_disk(void)
{
    uint8_t ah = frame.a.h;
    uint32_t result = 0;

    request.packet.count = 0;
    request.from = 0;
    /* What is not listed answers 01h: formats, long and buffer accesses, identify, media change,
     * lock, eject, El Torito, hardware configuration. */
    switch (__builtin_expect(ah, 0x42)) {
    case 0x00: /* reset: the drive below is reset when it fails */
    case 0x09: /* set parameters */
    case 0x0d: /* alternate reset */
    case 0x10: /* ready? */
    case 0x11: /* recalibrate */
    case 0x14: /* diagnose */
        break;
    case 0x01:
        result = machine_get8(BDA_HD_STATUS);
        break;
    case 0x02:
    case 0x03:
    case 0x04:
    case 0x0c:
        chs(ah);
        break;
    case 0x08:
        parameters();
        break;
    case 0x15:
        drive_type();
        result = 3 << 8; /* fixed disk */
        break;
    case 0x41:
        edd_check();
        result = EDD_VERSION << 8;
        break;
    case 0x42:
    case 0x43:
    case 0x44:
    case 0x47:
        edd(ah);
        break;
    case 0x48:
        edd_parameters();
        break;
    default:
        result = STATUS_PARAMETER;
    }
    return int13_finish(result);
}
