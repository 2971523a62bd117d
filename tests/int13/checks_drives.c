/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The other drives, the tables in low memory, and INT 15h. */
#include "harness.h"

#define BUFFER    (BUF << 4)
#define BDA_COUNT 0x475u
#define SMAP      0x534d4150u

static uint32_t far_linear(uint32_t pointer)
{
    return (pointer >> 16 << 4) + (pointer & 0xffff);
}

static void second_drive(void)
{
    if (!config.second_sectors) {
        skip("70 to 72 second drive", "there is none");
        return;
    }
    uint8_t drive = config.second_number;
    uint32_t p = config.second_start;
    fill(BUFFER, 0xcc, 1024);
    bool ok = edd_call(0x4200, drive, p, 1, BUFFER) == 0 && second_right(BUFFER, p);
    if (config.second_scratch) {
        fill(BUFFER, 0x77, 512);
        ok &= edd_call(0x4300, drive, config.second_scratch, 1, BUFFER) == 0;
        fill(BUFFER, 0xcc, 512);
        ok &= edd_call(0x4200, drive, config.second_scratch, 1, BUFFER) == 0 &&
              filled(BUFFER, 0x77, 512);
    }
    report("70 the second drive: its data, and writes reach it", ok);
    prepare(0x0800, drive);
    ok = call(0x13, OUT_AL | OUT_BX | OUT_CX | OUT_DX | OUT_DI) == 0 && !carry();
    report("71 AH=08h of the second drive", ok && (regs_out.edx & 0xff) == get8(BDA_COUNT));
    prepare(0x1500, drive);
    ok = call(0x13, OUT_AL | OUT_CX | OUT_DX) == 3 && !carry();
    uint32_t sectors = (regs_out.ecx & 0xffff) << 16 | (regs_out.edx & 0xffff);
    report("72 AH=15h of the second drive",
           ok && sectors <= config.second_sectors && sectors > config.second_sectors / 2);
    prepare(0x0000, drive);
    ok = call(0x13, 0) == 0 && (regs_out.edx & 0xff) == drive;
    report("74 its DL comes back", ok);
}

static void absent_drives(void)
{
    uint8_t first = 0x80 + get8(BDA_COUNT);
    bool ok = edd_call(0x4200, first, 0, 1, BUFFER) != 0 && carry();
    report("73 AH=42h of an absent drive", ok);
    ok = true;
    for (unsigned i = 0; i < 3; i++) {
        prepare(0x0201, first);
        regs_in.ecx = 0xc1c20001;
        call_int(0x13);
        ok &= carry() && (regs_out.edx & 0xff) == first;
        prepare(0x0000, first);
        call_int(0x13);
    }
    report("75 probing absent drives ends with errors", ok);
    prepare(0x4b01, 0xe0);
    call_int(0x13);
    prepare(0x0000, 0x7f);
    call_int(0x13);
    report("76 DL=E0h and 7Fh come back", regs_out.flags & IF);
    if (!config.hooked) { /* whose own drive it is may count as it likes */
        skip("77 0040:0075 lowered", "not hooked");
        return;
    }
    uint8_t count = get8(BDA_COUNT);
    set8(BDA_COUNT, count - 1);
    prepare(0x0800, 0x80);
    call_int(0x13);
    report("77 0040:0075 lowered: AH=08h still counts the disk", (regs_out.edx & 0xff) == count);
    set8(BDA_COUNT, count);
}

static void tables(void)
{
    if (!config.hooked) {
        skip("78 INT 41h", "not hooked");
        skip("92 safe hook header", "not hooked");
        return;
    }
    uint32_t fdpt = far_linear(get32(0x41 * 4));
    report("78 INT 41h tells the geometry",
           get8(fdpt + 2) == heads && get8(fdpt + 14) == spt && get16(fdpt) >= cylinders);
    uint32_t entry = far_linear(get32(0x13 * 4));
    bool ok = get32(entry + 3) == 0x544e4924 && get32(entry + 7) == 0x46533331 &&
              get32(entry + 11) == 0x42555247 && get32(entry + 15) == 0x534f4434;
    ok &= (entry & 0x3ff) == 0x100 && get32(entry + 0x13) != 0 && get32(entry + 0x17) == 0;
    report("92 safe hook header", ok);
}

static bool hidden(uint64_t start, uint64_t length)
{
    uint64_t end = start + length;
    uint32_t low = (uint32_t)get16(0x413) << 10;
    if (start < 0xa0000 && end > low)
        return false;
    return !config.hidden[1] || end <= config.hidden[0] || start >= config.hidden[1];
}

static void e820(void)
{
    uint32_t next = 0;
    bool ok = true, sorted = true, done = false;
    uint64_t last = 0;
    for (unsigned i = 0; i < 64 && !done; i++) {
        for (unsigned size = 20; size <= 24; size += 4) {
            prepare(0xe820, 0);
            regs_in.ebx = next;
            regs_in.ecx = size;
            regs_in.eax = 0xe820;
            regs_in.edx = SMAP;
            regs_in.edi = 0;
            fill(BUFFER, 0xcc, 64);
            call_int(0x15);
            ok &= !carry() && regs_out.eax == SMAP && regs_out.ecx >= 20 && regs_out.ecx <= size;
            ok &= filled(BUFFER + size, 0xcc, 64 - size);
        }
        if (!ok)
            break;
        uint64_t start = (uint64_t)get32(BUFFER + 4) << 32 | get32(BUFFER);
        uint64_t length = (uint64_t)get32(BUFFER + 12) << 32 | get32(BUFFER + 8);
        print("# e820 ");
        print_hex((uint32_t)(start >> 32), 2);
        print_hex((uint32_t)start, 8);
        print(" + ");
        print_hex((uint32_t)(length >> 32), 2);
        print_hex((uint32_t)length, 8);
        print(" type ");
        print_hex(get32(BUFFER + 16), 2);
        print("\r\n");
        if (get32(BUFFER + 16) == 1)
            ok &= hidden(start, length);
        sorted &= start >= last && length;
        last = start + length;
        next = regs_out.ebx;
        done = !next;
    }
    report("79 E820h hides what is not the guest's", ok && done);
    report("80 E820h is sorted, without overlap", ok && sorted);
    prepare(0xe820, 0);
    regs_in.ebx = 0;
    regs_in.edx = 0x12345678;
    regs_in.edi = 0;
    regs_in.ecx = 20;
    call_int(0x15);
    report("80b E820h without SMAP", carry());
}

static void counts(void)
{
    prepare(0xe801, 0);
    call_int(0x15);
    bool ok = !carry();
    if (ok) {
        ok &= hidden(0x100000, (uint64_t)(regs_out.eax & 0xffff) << 10);
        ok &= hidden(0x1000000, (uint64_t)(regs_out.ebx & 0xffff) << 16);
        ok &= hidden(0x100000, (uint64_t)(regs_out.ecx & 0xffff) << 10);
        ok &= hidden(0x1000000, (uint64_t)(regs_out.edx & 0xffff) << 16);
    }
    report("79b E801h", ok);
    prepare(0x8800, 0);
    call_int(0x15);
    report("79c AH=88h", !carry() && hidden(0x100000, (uint64_t)(regs_out.eax & 0xffff) << 10));
    prepare(0x8a00, 0);
    call_int(0x15);
    ok =
        carry() ||
        hidden(0x100000, (uint64_t)((regs_out.edx & 0xffff) << 16 | (regs_out.eax & 0xffff)) << 10);
    prepare(0xda88, 0);
    call_int(0x15);
    ok &= carry() ||
          hidden(0x100000, (uint64_t)((regs_out.ecx & 0xff) << 16 | (regs_out.ebx & 0xffff)) << 10);
    report("79d AH=8Ah, AX=DA88h", ok);
    prepare(0x0000, 0);
    call_int(0x12);
    report("79e INT 12h is 40:13", (regs_out.eax & 0xffff) == get16(0x413));
}

void checks_drives(void)
{
    second_drive();
    absent_drives();
    tables();
}

void checks_memory(void)
{
    e820();
    counts();
}
