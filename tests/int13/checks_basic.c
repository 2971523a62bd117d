/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers, status, hand-off, and the functions that move no data. */
#include "int13/harness.h"

#define BUFFER     (BUF << 4)
#define BDA_STATUS 0x474u
#define BDA_COUNT  0x475u

static bool status_is(uint8_t status)
{
    return get8(BDA_STATUS) == status && (regs_out.eax >> 8 & 0xff) == status &&
           carry() == (status != 0);
}

static uint8_t simple(uint16_t ax)
{
    prepare(ax, 0x80);
    return call(0x13, 0);
}

/* The first track of the pattern by CH, CL, DH: whatever happens to it, will be seen. */
static bool refused(uint16_t ax)
{
    uint32_t track = config.pattern_start / spt + 1;

    prepare(ax, 0x80);
    regs_in.edx |= track % heads << 8;
    regs_in.ecx = 0xc1c20001 | track / heads << 8;
    regs_in.ebx = 0xb1b20000;
    fill(BUFFER, 0xcc, 512);
    bool ok = call(0x13, OUT_AL) == 0x01 && carry();
    return ok && filled(BUFFER, 0xcc, 512) && get8(BDA_STATUS) == 0x01;
}

/* Is it all still there? */
static bool track_right(void)
{
    uint32_t lba = (config.pattern_start / spt + 1) * spt;

    return chs_call(0x02, 0x80, lba, (uint8_t)spt, BUFFER) == 0 && !carry() &&
           sectors_right(BUFFER, lba, spt);
}

static void status(void)
{
    report("1 AH=00h", simple(0x0000) == 0 && status_is(0));
    prepare(0x0000, 0x00);
    call(0x13, OUT_AL);
    report("2 AH=00h of a missing floppy returns", true);
    report("3 AH=0Dh", simple(0x0d00) == 0 && status_is(0));
    chs_call(0x02, 0x80, 0, 1, BUFFER);
    report("4 AH=01h after success", simple(0x0100) == 0 && !carry());
    prepare(0x0201, 0x80);
    regs_in.ecx = 0xc1c20000;
    uint8_t error = call(0x13, OUT_AL);
    bool same = error && simple(0x0100) == error && carry();
    report("5 AH=01h after an error", same);
    report("6 AH=01h twice", same && simple(0x0100) == error && get8(BDA_STATUS) == error);
}

static void parameters(void)
{
    prepare(0x0800, 0x80);
    regs_in.es = 0;
    regs_in.edi = 0x61620000;
    bool ok = call(0x13, OUT_AL | OUT_CX | OUT_DX) == 0 && !carry();
    ok = ok && (regs_out.ecx & 0x3f) == spt && (regs_out.edx & 0xff) == get8(BDA_COUNT) && spt;
    if (config.heads)
        ok = ok && heads == config.heads && spt == config.spt;
    if (config.cylinders)
        ok = ok && (cylinders == config.cylinders || cylinders == config.cylinders - 1u);
    report("29 AH=08h", ok);
    prepare(0x0800, 0x80);
    uint32_t cx = regs_out.ecx;
    ok = call(0x13, OUT_AL | OUT_CX | OUT_DX) == 0 && regs_out.ecx == cx &&
         (regs_out.edx >> 8 & 0xff) == heads - 1;
    report("30 AH=08h with rubbish in ES:DI", ok);
    prepare(0x083f, 0x80);
    ok = call(0x13, OUT_AL | OUT_CX | OUT_DX) == 0 && regs_out.ecx == cx;
    report("31 AH=08h with AL=3Fh", ok);
    prepare(0x0800, 0x80 + get8(BDA_COUNT));
    ok = call(0x13, OUT_AL | OUT_BX | OUT_CX | OUT_DI) != 0 && carry();
    report("32 AH=08h of an absent drive", ok);

    prepare(0x1500, 0x80);
    ok = call(0x13, OUT_AL | OUT_CX | OUT_DX) == 3 && !carry();
    ok = ok && ((regs_out.ecx & 0xffff) << 16 | (regs_out.edx & 0xffff)) == config.sectors;
    report("33 AH=15h", ok);
    prepare(0x1500, 0x80 + get8(BDA_COUNT));
    ok = call(0x13, OUT_AL | OUT_CX) == 0 || carry();
    report("34 AH=15h of an absent drive", ok);
}

static void others(void)
{
    report("35 AH=16h, 17h, 18h", refused(0x1600) & refused(0x1700) & refused(0x1800));
    bool ok = true;
    static const uint8_t plain[] = {0x10, 0x11, 0x14, 0x09};
    for (unsigned i = 0; i < sizeof(plain); i++)
        ok &= simple((uint16_t)(plain[i] << 8)) == 0 && !carry();
    prepare(0x0c00, 0x80);
    regs_in.ecx = 0xc1c20001;
    ok &= call(0x13, 0) == 0 && !carry();
    report("36 AH=0Ch, 10h, 11h, 14h, 09h", ok);
    report("37 AH=25h does not identify the physical drive", refused(0x2500));
    report("61 AX=4B01h is no CD", (prepare(0x4b01, 0x80), call(0x13, OUT_AL), carry()));
    report("62 AH=4Eh", refused(0x4e00));
    prepare(0x4500, 0x80);
    uint8_t lock = call(0x13, OUT_AL);
    ok = (lock == 0 || lock == 1) && carry() == (lock != 0);
    prepare(0x4900, 0x80);
    uint8_t change = call(0x13, OUT_AL);
    ok &= (change == 0 || change == 1) && carry() == (change != 0);
    prepare(0x4600, 0x80);
    uint8_t eject = call(0x13, OUT_AL);
    ok &= (eject == 0xb2 || eject == 0x01) && carry();
    report("60 AH=45h, 46h, 49h", ok);
    ok = refused(0x0501) & refused(0x0601) & refused(0x0701);
    report("28 AH=05h, 06h, 07h", ok && track_right());
}

/* What a function may change. */
static unsigned outputs(unsigned ah)
{
    switch (ah) {
    case 0x02:
    case 0x03:
    case 0x04:
        return OUT_AL;
    case 0x08:
        return OUT_AL | OUT_CX | OUT_DX;
    case 0x15:
        return OUT_CX | OUT_DX;
    case 0x41:
        return OUT_AL | OUT_BX | OUT_CX;
    case 0x4e: /* AL: did the command concern other drives as well? */
        return OUT_AL;
    default:
        return 0;
    }
}

/* Every function number: comes back, changes nothing it must keep, not the handler, and no disk. */
static void every_function(void)
{
    const struct other *other = config.other;
    uint32_t sum = handler_sum();
    bool ok = true;

    for (unsigned ah = 0; ah < 256; ah++) {
        /* 03h, 43h write; 05h to 07h, 0Bh would */
        prepare((uint16_t)(ah << 8 | 1), 0x80);
        regs_in.ecx = 0xc1c20000; /* sector 0: no CHS transfer */
        regs_in.esi = 0x51520000;
        set16(DAP_SEG << 4, 2); /* a packet too short */
        uint8_t status = call(0x13, outputs(ah));
        if (ah != 0x15 && ah != 0x41)
            ok &= carry() == (status != 0);
    }
    ok &= handler_sum() == sum && track_right();
    edd_call(0x4200, 0x80, 0, 1, BUFFER);
    ok &= get32(BUFFER + 454) == config.pattern_start;
    if (other->sectors)
        for (unsigned i = 0; i < 100; i++)
            ok &= edd_call(0x4200, config.number[0], other->start + i, 1, BUFFER) == 0 &&
                  other_right(other, BUFFER, other->start + i);
    report("63 every AH comes back", ok);
}

static void flags(void)
{
    chs_call(0x02, 0x80, 0, 1, BUFFER);
    bool ok = (regs_out.flags & (IF | DF | CF)) == IF;
    regs_in.flags = 0;
    call(0x13, OUT_AL);
    report("21 IF comes back as it was", ok && !(regs_out.flags & (IF | CF)));

    edd_call(0x4200, 0x80, config.pattern_start, 2, BUFFER);
    regs_in.flags = IF | DF;
    fill(BUFFER, 0xcc, 1024);
    call(0x13, 0);
    report("22 DF set: right data, DF comes back",
           !carry() && (regs_out.flags & DF) && sectors_right(BUFFER, config.pattern_start, 2));

    regs_in.flags = IF | 0x8d5; /* OF SF ZF AF PF CF */
    call(0x13, 0);
    bool same = !((regs_in.flags ^ regs_out.flags) & 0x4700) && !carry();
    for (unsigned i = 0; i < 4; i++) { /* and where it fails */
        edd_prepare(0x4200, 0x80, config.sectors, 1, BUFFER);
        regs_in.flags = (i & 1 ? IF : 0) | (i & 2 ? DF : 0);
        call(0x13, 0);
        same &= !((regs_in.flags ^ regs_out.flags) & 0x4700) && carry();
    }
    report("23 FLAGS differ only in CF and status bits", same);
    chs_call(0x02, 0x80, 0, 1, BUFFER);
    report("24 high halves of all registers are kept", !carry());
}

static void hand_off(void)
{
    uint16_t ss = entry_state[0], sp = entry_state[1], flags_then = entry_state[2];
    bool ok = entry_state[6] == 0 && (entry_state[5] & 0xff) == 0x80 && !(flags_then & DF) &&
              (flags_then & IF) && ((uint32_t)ss << 4) + sp >= 0x500;

    if (config.hooked) { /* and what more was promised */
        ok = ok && !ss && sp == 0x7c00 && entry_state[5] == 0x80 && !entry_state[7];
        ok = ok && !entry_state[3] && !entry_state[4];
    }
    report("90 hand-off: DL=80h, CS=0, DF=0, IF=1, stack sane", ok);
}

void checks_basic(void)
{
    hand_off();
    status();
    parameters();
    others();
    every_function();
    flags();
}
