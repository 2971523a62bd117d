/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The other drives, the tables in low memory, and INT 15h. */
#include "int13/harness.h"

#define BUFFER      (BUF << 4)
#define BDA_LOW_KIB 0x413u
#define BDA_COUNT   0x475u
#define SMAP        0x534d4150u

/* Reads a sector of the pattern by AH=02h, with the geometry that the drive tells. */
static bool by_chs(const struct other *other, uint8_t drive)
{
    uint32_t p = other->start + 1, own_heads = heads, own_spt = spt;

    heads = (regs_out.edx >> 8 & 0xff) + 1;
    spt = regs_out.ecx & 0x3f;
    uint32_t all = (((regs_out.ecx >> 8 & 0xff) | (regs_out.ecx & 0xc0) << 2) + 1) * heads * spt;
    /* A small drive may end in a cylinder that is no whole one. */
    bool ok = spt && all <= other->sectors;
    if (ok && p < all) {
        fill(BUFFER, 0xcc, 1024);
        ok = chs_call(0x02, drive, p, 1, BUFFER) == 0 && !carry() && (regs_out.eax & 0xff) == 1 &&
             other_right(other, BUFFER, p) && filled(BUFFER + 512, 0xcc, 512);
    }
    heads = own_heads;
    spt = own_spt;
    return ok;
}

static bool its_data(const struct other *other, uint8_t drive)
{
    fill(BUFFER, 0xcc, 1024);
    bool ok = edd_call(0x4200, drive, other->start, 1, BUFFER) == 0 && !carry() &&
              other_right(other, BUFFER, other->start) && filled(BUFFER + 512, 0xcc, 512);
    if (other->scratch) {
        fill(BUFFER, 0x77, 512);
        ok &= edd_call(0x4300, drive, other->scratch, 1, BUFFER) == 0 && !carry();
        fill(BUFFER, 0xcc, 512);
        ok &= edd_call(0x4200, drive, other->scratch, 1, BUFFER) == 0 && filled(BUFFER, 0x77, 512);
    }
    return ok;
}

static bool its_size(const struct other *other, uint8_t drive)
{
    prepare(0x1500, drive);
    bool ok = call(0x13, OUT_AL | OUT_CX | OUT_DX) == 3 && !carry();
    uint32_t sectors = (regs_out.ecx & 0xffff) << 16 | (regs_out.edx & 0xffff);
    return ok && sectors <= other->sectors && sectors > other->sectors / 2;
}

/* What writes nothing and has no output in DL. */
static bool dl_comes_back(uint8_t drive)
{
    static const uint8_t functions[] = {0x00, 0x01, 0x02, 0x04, 0x0c, 0x0d, 0x10,
                                        0x11, 0x14, 0x41, 0x44, 0x47, 0x48};
    bool ok = true;
    for (unsigned i = 0; i < sizeof functions; i++) {
        edd_prepare((uint16_t)(functions[i] << 8 | 1), drive, 1, 1, BUFFER);
        regs_in.ecx = 0xc1c20001;
        set16(DAP_SEG * 16 + 0x10, 0x1a);
        if (functions[i] == 0x48)
            regs_in.esi += 0x10;
        call(0x13, OUT_AL | OUT_BX | OUT_CX);
        ok &= (regs_out.edx & 0xff) == drive;
    }
    return ok;
}

static void other_drives(void)
{
    bool data = true, parameters = true, size = true, number = true;

    if (!config.other[0].sectors) {
        skip("70 to 72 other drives", "there is none");
        return;
    }
    for (unsigned i = 0; i < 2 && config.other[i].sectors; i++) {
        const struct other *other = &config.other[i];
        uint8_t drive = config.number[i];
        data &= its_data(other, drive);
        prepare(0x0800, drive);
        parameters &= call(0x13, OUT_AL | OUT_BX | OUT_CX | OUT_DX | OUT_DI) == 0 && !carry();
        parameters &= (regs_out.edx & 0xff) == get8(BDA_COUNT);
        data &= by_chs(other, drive);
        size &= its_size(other, drive);
        number &= dl_comes_back(drive);
    }
    report("70 other drives: their data, and writes reach them", data);
    report("71 AH=08h of other drives", parameters);
    report("72 AH=15h of other drives", size);
    report("74 their DL comes back", number);
}

/* No function may show that there is another drive, or reach one. */
static void hidden_drives(void)
{
    bool ok = get8(BDA_COUNT) == 1 && !get32(0x46 * 4);

    prepare(0x0800, 0x80);
    ok &= call(0x13, OUT_AL | OUT_CX | OUT_DX) == 0 && (regs_out.edx & 0xff) == 1;
    for (uint8_t drive = 0x81; drive < 0x85; drive++)
        for (unsigned ah = 0; ah < 256; ah++) {
            fill(BUFFER, 0xcc, 512);
            edd_prepare((uint16_t)(ah << 8 | 1), drive, 200, 1, BUFFER);
            regs_in.ecx = 0xc1c20001;
            regs_in.ebx = 0xb1b20000;
            uint8_t status = call(0x13, 0);
            ok &= ah == 0x15 ? !status : status && carry();
            ok &= filled(BUFFER, 0xcc, 512);
        }
    report("72b no function shows a hidden drive", ok);
}

static void absent_drives(void)
{
    uint8_t first = 0x80 + get8(BDA_COUNT);
    fill(BUFFER, 0xcc, 512);
    bool ok = edd_call(0x4200, first, 0, 1, BUFFER) != 0 && carry() && filled(BUFFER, 0xcc, 512);
    report("73 AH=42h of an absent drive", ok);
    ok = true;
    for (unsigned i = 0; i < 3; i++) {
        prepare(0x0201, first);
        regs_in.ecx = 0xc1c20001;
        regs_in.ebx = 0xb1b20000;
        ok &= call(0x13, OUT_AL) != 0 && carry();
        prepare(0x0000, first);
        call(0x13, OUT_AL);
    }
    report("75 probing absent drives ends with errors", ok);
    if (!config.hooked) { /* whose own drive it is may count as it likes */
        skip("77 0040:0075 lowered", "not hooked");
        return;
    }
    uint8_t count = get8(BDA_COUNT);
    set8(BDA_COUNT, count - 1);
    prepare(0x0800, 0x80);
    ok = call(0x13, OUT_AL | OUT_CX | OUT_DX) == 0 && (regs_out.edx & 0xff) == count;
    report("77 0040:0075 lowered: AH=08h still counts the disk", ok);
    set8(BDA_COUNT, count);
}

/* Numbers that are no hard disks': what comes back is what the BIOS's own INT 13h says to them. */
static void not_shifted(void)
{
    static const uint8_t drives[] = {0x00, 0x01, 0x7f, 0x90, 0xe0};
    static const uint16_t functions[] = {0x0000, 0x0100, 0x0800, 0x1500, 0x4100, 0x4b01};
    uint32_t spare = get32(0x60 * 4), entry = far_linear(get32(0x13 * 4));
    bool ok = true;

    if (config.hooked)
        set32(0x60 * 4, get32(entry + HEADER(old_int13)));
    for (unsigned i = 0; i < 5 * 6; i++) {
        struct regs own;
        fill(BUFFER, 0, 64);
        prepare(functions[i % 6], drives[i / 6]);
        regs_in.ebx = 0xb1b255aa;
        regs_in.esi = 0x51520000;
        regs_in.ds = BUF;
        call_int(0x13);
        ok &= (regs_out.flags & IF) != 0;
        if (!config.hooked)
            continue;
        own = regs_out;
        call_int(0x60);
        ok &= own.eax == regs_out.eax && own.ebx == regs_out.ebx && own.ecx == regs_out.ecx &&
              own.edx == regs_out.edx && own.edi == regs_out.edi && own.es == regs_out.es &&
              !((own.flags ^ regs_out.flags) & CF);
    }
    set32(0x60 * 4, spare);
    report("76 DL=E0h, 7Fh, 00h are as the BIOS has them", ok);
}

static void tables(void)
{
    if (!config.hooked) {
        skip("78 INT 41h", "not hooked");
        skip("92 safe hook header", "not hooked");
        return;
    }
    uint32_t entry = far_linear(get32(0x13 * 4)), header = entry & ~0x3ffu;
    uint32_t fdpt = far_linear(get32(0x41 * 4));
    bool ok = get8(fdpt + 2) == heads && get8(fdpt + 14) == spt && get16(fdpt) >= cylinders;
    ok &= get32(0x46 * 4) == (config.hide ? 0 : get32(entry + HEADER(old_int41)));
    report("78 INT 41h tells the geometry, 46h is the next drive's", ok);
    ok = get32(entry + 3) == 0x544e4924 && get32(entry + 7) == 0x46533331 &&
         get32(entry + 11) == 0x42555247 && get32(entry + 15) == 0x534f4434;
    ok &= entry == header + 0x100 && get32(entry + 0x17) == 0;
    /* Through others of our kind, to the BIOS: on these machines nobody else hooked. */
    uint32_t old = get32(entry + HEADER(old_int13));
    for (unsigned i = 0; i < 8 && old >> 16 < 0xc000; i++) {
        ok &= get32(far_linear(old) + 3) == 0x544e4924 && get32(far_linear(old) + 7) == 0x46533331;
        old = get32(far_linear(old) + HEADER(old_int13));
    }
    ok &= old >> 16 >= 0xc000;
    report("92 safe hook header", ok);
    report("79f the handler lies above INT 12h's memory", header >= (uint32_t)get16(BDA_LOW_KIB)
                                                                        << 10);
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
    prepare(0xe881, 0);
    call_int(0x15);
    if (!carry()) {
        ok &= hidden(0x100000, (uint64_t)regs_out.eax << 10);
        ok &= hidden(0x1000000, (uint64_t)regs_out.ebx << 16);
    }
    /* AH=C7h fills in a table at DS:SI: amounts in KiB from 1 MiB on at 02h and 0Ah, from 16 MiB on
     * at 06h and 0Eh. */
    prepare(0xc700, 0);
    regs_in.esi = 0x51520000;
    fill(DAP_SEG << 4, 0, 64);
    call_int(0x15);
    for (uint32_t at = (DAP_SEG << 4) + 2; !carry() && at < (DAP_SEG << 4) + 16; at += 8)
        ok &= hidden(0x100000, (uint64_t)get32(at) << 10) &&
              hidden(0x1000000, (uint64_t)get32(at + 4) << 10);
    prepare(0xda88, 0);
    call_int(0x15);
    ok &= carry() ||
          hidden(0x100000, (uint64_t)((regs_out.ecx & 0xff) << 16 | (regs_out.ebx & 0xffff)) << 10);
    report("79d AH=8Ah, AH=C7h, AX=E881h, AX=DA88h", ok);
    prepare(0x0000, 0);
    call_int(0x12);
    report("79e INT 12h is 40:13", (regs_out.eax & 0xffff) == get16(0x413));
}

void checks_drives(void)
{
    if (config.hide)
        hidden_drives();
    else
        other_drives();
    absent_drives();
    not_shifted();
    tables();
}

void checks_memory(void)
{
    e820();
    counts();
}
