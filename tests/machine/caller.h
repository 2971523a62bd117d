/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who calls INT 13h on the simulated machine: AX, a disk address packet and a buffer in its memory.
 */
#ifndef MACHINE_CALLER_H
#define MACHINE_CALLER_H

#include "machine/sim.h"

#define CALLER_DS 0x2000u
#define PACKET    0x40u
#define BUFFER    0x30000u

static bool carry(void)
{
    return caller_carry;
}

/* INT 13h with AX; everything else as it is in `frame`. Checks the three ways of the status. */
static uint8_t call(uint16_t ax)
{
    frame.a.x = 0x11220000 | ax;
    frame.d.l = 0x80;
    sim_int13();
    CHECK_EQ(frame.a.x >> 16, 0x1122);
    uint8_t ah = (uint8_t)(ax >> 8);
    if (ah != 0x01)
        CHECK_EQ(sim.memory[BDA_HD_STATUS], carry() ? frame.a.h : 0);
    CHECK(carry() ? frame.a.h != 0 : frame.a.h == 0 || ah == 0x15 || ah == 0x41);
    return frame.a.h;
}

static inline uint8_t *packet_at(void)
{
    return sim.memory + (CALLER_DS << 4) + PACKET;
}

static inline uint8_t edd_call(uint16_t ax, uint64_t lba, uint16_t count, uint32_t buffer)
{
    uint16_t words[4] = {0x10, count, (uint16_t)(buffer & 0xff),
                         (uint16_t)((buffer & ~0xffu) >> 4)};
    memcpy(packet_at(), words, 8);
    memcpy(packet_at() + 8, &lba, 8);
    frame.ds = CALLER_DS;
    frame.si.x = 0x99990000 | PACKET;
    return call(ax);
}

static inline uint16_t packet_count(void)
{
    return (uint16_t)(packet_at()[2] | packet_at()[3] << 8);
}

#endif
