/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AH=41h to 48h. */
#include "int13/harness.h"

#define BUFFER (BUF << 4)
#define DAP    (DAP_SEG << 4)
#define PARAMS ((DAP_SEG << 4) + 0x100)

static uint16_t check_41(void)
{
    prepare(0x4100, 0x80);
    regs_in.ebx = 0xb1b255aa;
    uint8_t version = call(0x13, OUT_AL | OUT_BX | OUT_CX);
    uint16_t bits = (uint16_t)regs_out.ecx;
    bool ok = !carry() && (regs_out.ebx & 0xffff) == 0xaa55 && version >= 0x21 && bits & 1;
    ok &= !config.hooked || version == 0x30;
    report("38 AH=41h", ok);
    prepare(0x4100, 0x80);
    regs_in.ebx = 0xb1b20000;
    call(0x13, OUT_AL | OUT_BX | OUT_CX);
    report("39 AH=41h without BX=55AAh", carry() || (regs_out.ecx & 0xffff) == 0xc3c4);
    prepare(0x4180, 0x80);
    regs_in.ebx = 0xb1b255aa;
    regs_in.ds = 0x40;
    regs_in.flags |= CF;
    call(0x13, OUT_AL | OUT_BX | OUT_CX);
    report("40 AH=41h as FreeDOS calls it",
           !carry() && (regs_out.ebx & 0xffff) == 0xaa55 && (uint16_t)regs_out.ecx == bits);
    ok = true;
    static const uint16_t fixed[] = {0x4200, 0x4400, 0x4700};
    for (unsigned i = 0; i < 3; i++)
        ok &= edd_call(fixed[i], 0x80, config.pattern_start, 1, BUFFER) == 0 && !carry();
    if (bits & 2) {
        prepare(0x4502, 0x80);
        ok &= call(0x13, OUT_AL) != 1;
        prepare(0x4900, 0x80);
        ok &= call(0x13, OUT_AL) != 1;
    }
    if (bits & 4) {
        set16(PARAMS, 0x1a);
        prepare(0x4800, 0x80);
        regs_in.esi = 0x51520100;
        ok &= call(0x13, 0) == 0;
    }
    report("41 no bit of AH=41h whose calls fail", ok);
    return bits;
}

static bool read_right(uint64_t lba, uint16_t count, uint32_t buffer)
{
    fill(buffer, 0xcc, count * 512u);
    return edd_call(0x4200, 0x80, lba, count, buffer) == 0 && !carry() && dap_count() == count &&
           sectors_right(buffer, (uint32_t)lba, count);
}

/* Beyond the disk: an error, count 0 (or what can be true), and no byte anywhere. */
static bool outside(uint64_t lba, uint16_t count, uint16_t most)
{
    fill(BUFFER, 0xcc, 1024);
    bool ok = edd_call(0x4200, 0x80, lba, count, BUFFER) != 0 && carry() && dap_count() <= most;
    uint32_t done = dap_count();
    return ok && sectors_right(BUFFER, (uint32_t)lba, done) &&
           filled(BUFFER + done * 512u, 0xcc, 1024u - done * 512u);
}

static void check_42(void)
{
    uint32_t p = config.pattern_start, n = config.sectors;
    bool ok = edd_call(0x4200, 0x80, 0, 1, BUFFER) == 0 && get16(BUFFER + 510) == 0xaa55 &&
              get32(BUFFER + 454) == p && get32(BUFFER + 458) == n - p;
    report("42 AH=42h first and last sector", ok && read_right(n - 1, 1, BUFFER));
    report("43 127 sectors", read_right(p, 127, BUFFER));
    fill(BUFFER, 0xcc, 512);
    uint8_t status = edd_call(0x4200, 0x80, p, 128, BUFFER);
    report("44 128 sectors, or a clean error",
           status ? carry() && dap_count() == 0 : sectors_right(BUFFER, p, 128));
    fill(BUFFER, 0xcc, 512);
    report("45 no sectors", edd_call(0x4200, 0x80, p, 0, BUFFER) == 0 && !carry() &&
                                dap_count() == 0 && filled(BUFFER, 0xcc, 512));
    report("46 LBA N", outside(n, 1, 0));
    report("47 LBA N-1, two sectors", outside(n - 1, 2, 1));
    report("48 LBA with a high half", outside(0x100000000 + p, 1, 0));
    /* The last ones end at 0 and inside the disk where 64 bits wrap. */
    report("49 LBA FFFFFFFFFFFFFFFFh", outside(UINT64_MAX, 1, 0) & outside(UINT64_MAX, 2, 0) &
                                           outside(UINT64_MAX - 10, 127, 0));
}

/* FFFF:FFFF as the buffer: an error, or what that address means without the flat form; no other
 * byte may change. Some BIOSes write where it would be with the address cut to 20 bits, over the
 * start of this program: the bytes there are kept. */
static bool no_stray_write(uint8_t packet_size)
{
    enum { WRAPPED = 0xffef, SIZE = 512 };
    static uint8_t kept[SIZE];
    bool ok = true;

    for (unsigned i = 0; i < SIZE; i++)
        kept[i] = get8(WRAPPED + i);
    fill(BUFFER, 0xcc, 1024);
    edd_prepare(0x4200, 0x80, config.pattern_start, 1, BUFFER);
    set8(DAP, packet_size);
    set32(DAP + 4, 0xffffffff);
    set32(DAP + 16, BUFFER + 512);
    set32(DAP + 20, 0);
    fill(BUFFER, 0xcc, 1024);
    uint8_t status = call(0x13, 0);
    for (unsigned i = 0; i < SIZE; i++) {
        ok &= get8(WRAPPED + i) == kept[i];
        set8(WRAPPED + i, kept[i]);
    }
    return ok && carry() == (status != 0) && filled(BUFFER, 0xcc, 1024);
}

static void packets(void)
{
    uint32_t p = config.pattern_start;
    edd_call(0x4200, 0x80, p, 1, BUFFER);
    set8(DAP, 15);
    fill(BUFFER, 0xcc, 512);
    bool ok = call(0x13, 0) == 1 && carry() && filled(BUFFER, 0xcc, 512);
    set8(DAP, 0x18);
    ok &= call(0x13, 0) == 0 && !carry() && sector_right(BUFFER, p);
    report("50 packet sizes 0Fh and 18h", ok);
    edd_call(0x4200, 0x80, p, 1, BUFFER);
    regs_in.eax |= 0xff;
    report("52 AL=FFh", call(0x13, 0) == 0 && sector_right(BUFFER, p));

    uint32_t end = (DAP_SEG << 4) + 0xfff0;
    edd_call(0x4200, 0x80, p + 1, 1, BUFFER);
    for (unsigned i = 0; i < 16; i++)
        set8(end + i, get8(DAP + i));
    regs_in.esi = 0x5152fff0;
    report("53 packet at the segment's end", call(0x13, 0) == 0 && sector_right(BUFFER, p + 1));
    for (unsigned i = 0; i < 16; i++)
        set8(BUFFER + 16 + i, get8(DAP + i));
    regs_in.ds = BUF;
    regs_in.esi = 0x51520010;
    call(0x13, 0);
    report("54 packet inside the buffer", !carry());

    fill(BUF_LOW << 4, 0xcc, 65536);
    uint32_t dap = (BUF_LOW << 4) + 0x7000;
    for (unsigned i = 0; i < 16; i++)
        set8(dap + i, get8(DAP + i));
    set32(dap + 8, 0x12345678 | config.sectors);
    set32(dap + 12, 0);
    regs_in.ds = BUF_LOW;
    regs_in.esi = 0x51527000;
    ok = call(0x13, 0) != 0 && carry();
    ok = ok && filled(BUF_LOW << 4, 0xcc, 0x7000) &&
         filled((BUF_LOW << 4) + 0x7010, 0xcc, 65536 - 0x7010);
    report("55 an error writes nothing else", ok);
}

/* The 64-bit address form, where AH=41h offers it. V86 mode knows no such addresses. */
static void flat_buffer(uint16_t bits)
{
    if (!(bits & 8) || v86) {
        skip("51 flat buffer", v86 ? "virtual-8086 mode" : "not offered");
        return;
    }
    edd_call(0x4200, 0x80, config.pattern_start, 1, BUFFER);
    set8(DAP, 0x18);
    set32(DAP + 4, 0xffffffff);
    set32(DAP + 16, BUFFER + 0x400);
    set32(DAP + 20, 0);
    fill(BUFFER, 0xcc, 1024);
    bool ok = call(0x13, 0) == 0 && !carry() && filled(BUFFER, 0xcc, 1024);
    report("51 flat buffer", ok && sector_right(BUFFER + 0x400, config.pattern_start));
}

static void check_43(void)
{
    uint32_t s = config.scratch + 16;
    if (config.write_protected) {
        fill(BUFFER, 0x11, 512);
        bool ok = edd_call(0x4300, 0x80, s, 1, BUFFER) == 3 && carry() && dap_count() == 0;
        ok = ok && read_right(s, 1, BUFFER);
        report("57 AH=43h on a protected disk", ok);
        return;
    }
    bool ok = true;
    for (uint8_t al = 0; al < 3; al++) {
        fill(BUFFER, (uint8_t)(0x30 + al), 1024);
        ok &= edd_call(0x4300 | al, 0x80, s + al * 2u, 2, BUFFER) == 0 && !carry();
        fill(BUFFER, 0xcc, 1024);
        ok &= edd_call(0x4200, 0x80, s + al * 2u, 2, BUFFER) == 0 &&
              filled(BUFFER, (uint8_t)(0x30 + al), 1024);
    }
    report("56 AH=43h", ok);
    if (config.no_write) {
        fill(BUFFER, 0x11, 512);
        ok = edd_call(0x4300, 0x80, config.no_write, 1, BUFFER) == 0xcc && carry() &&
             dap_count() == 0;
        report("57b AH=43h where nothing can be written",
               ok && read_right(config.no_write, 1, BUFFER));
    }
}

static void without_data(void)
{
    uint32_t p = config.pattern_start;
    for (uint8_t ah = 0x44; ah <= 0x47; ah += 3) {
        fill(BUFFER, 0xcc, 512);
        bool ok = edd_call((uint16_t)(ah << 8), 0x80, p, 1, BUFFER) == 0 && !carry();
        set32(DAP + 4, 0xffffffff); /* a buffer that is none */
        ok &= call(0x13, 0) == 0 && !carry();
        ok &= edd_call((uint16_t)(ah << 8), 0x80, config.sectors, 1, BUFFER) != 0 && carry();
        report(ah == 0x44 ? "58 AH=44h" : "59 AH=47h", ok && filled(BUFFER, 0xcc, 512));
    }
}

static uint8_t check_size(uint16_t size, uint16_t flags)
{
    fill(PARAMS, 0xcc, 0x80);
    set16(PARAMS, size);
    set16(PARAMS + 2, flags);
    prepare(0x4800, 0x80);
    regs_in.esi = 0x51520100;
    return call(0x13, 0);
}

static void check_48(void)
{
    bool ok = check_size(0x1a, 0) == 0 && !carry() && get16(PARAMS) == 0x1a;
    report("64 AH=48h, 1Ah bytes", ok && filled(PARAMS + 0x1a, 0xcc, 0x60));
    ok = get32(PARAMS + 16) == config.sectors && get32(PARAMS + 20) == 0 &&
         get16(PARAMS + 24) == 512;
    uint32_t c = get32(PARAMS + 4), h = get32(PARAMS + 8), s = get32(PARAMS + 12);
    uint16_t flags = get16(PARAMS + 2);
    /* A geometry that is said to be valid reaches every whole cylinder by CHS. */
    ok = ok && (uint64_t)c * h * s <= config.sectors;
    if (flags & 2)
        ok = ok && h == heads && s == spt && c <= 1024 && c >= cylinders;
    report("69 AH=48h: size and geometry", ok);
    ok = check_size(0x1e, 0) == 0 && get16(PARAMS) == 0x1e && filled(PARAMS + 0x1e, 0xcc, 0x40);
    report("65 AH=48h, 1Eh bytes",
           ok && (get32(PARAMS + 0x1a) == 0xffffffff || get32(PARAMS + 0x1a) != 0));
    static const uint16_t sizes[] = {0x42, 0x4a, 0x5a};
    ok = true;
    for (unsigned i = 0; i < 3; i++) {
        ok &= check_size(sizes[i], 0) == 0 && get16(PARAMS) <= sizes[i];
        if (get16(PARAMS + 0x1e) == 0xbedd) {
            uint8_t sum = 0;
            for (unsigned b = 0; b < get8(PARAMS + 0x20); b++)
                sum += get8(PARAMS + 0x1e + b);
            ok &= sum == 0;
        }
    }
    report("66 AH=48h, longer", ok);
    ok = check_size(0x19, 0) == 1 && carry() && filled(PARAMS + 4, 0xcc, 0x7c);
    report("67 AH=48h, 19h bytes", ok);
    uint8_t before[0x1a];
    check_size(0x1a, 0);
    for (unsigned i = 0; i < sizeof before; i++)
        before[i] = get8(PARAMS + i);
    ok = check_size(0x1a, 0xffff) == 0 && get16(PARAMS + 2) == flags;
    for (unsigned i = 0; i < sizeof before; i++)
        ok &= get8(PARAMS + i) == before[i];
    report("68 AH=48h with flags FFFFh", ok);
}

void checks_edd(void)
{
    uint16_t bits = check_41();
    check_42();
    packets();
    flat_buffer(bits);
    check_43();
    without_data();
    check_48();
}

/* The last check of a mode: some BIOSes do not survive it. */
void checks_stray(void)
{
    prepare(0x4100, 0x80);
    regs_in.ebx = 0xb1b255aa;
    call(0x13, OUT_AL | OUT_BX | OUT_CX);
    bool flat = regs_out.ecx & 8;
    report("50b buffer FFFF:FFFF, and no stray write",
           no_stray_write(16) && (flat || no_stray_write(24)));
}
