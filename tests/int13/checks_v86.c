/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What only virtual-8086 mode asks: INT 15h AH=87h done by others or by nobody, buffers in pages
 * that lie elsewhere, privileged instructions, and going in and out. */
#include "int13/harness.h"

#define BUFFER       (BUF << 4)
#define WINDOW       0xd0000u /* 64 KiB that V86_REMAP moves */
#define PARAMS       ((DAP_SEG << 4) + 0x100)
#define BY_MONITOR   0
#define BY_BIOS      1
#define BY_NOBODY    2
#define BY_24_BITS   3
#define HANDLER_MOST 0u /* privileged instructions that the handler may execute */

static bool is_scratch(uint32_t lba, uint32_t count)
{
    return lba < config.scratch + 256 && config.scratch < lba + count;
}

/* The calls of check 86: 02h, 03h, 42h, 43h, 48h. */
static bool plain_calls(void)
{
    uint32_t p = config.pattern_start, s = config.scratch + 64;
    fill(BUFFER, 0xcc, 1024);
    bool ok = chs_call(0x02, 0x80, p, 2, BUFFER) == 0 && !carry() && sectors_right(BUFFER, p, 2);
    fill(BUFFER, 0xcc, 4096);
    ok &= edd_call(0x4200, 0x80, p + 5, 8, BUFFER) == 0 && !carry() &&
          sectors_right(BUFFER, p + 5, 8);
    set16(PARAMS, 0x1a);
    prepare(0x4800, 0x80);
    regs_in.esi = 0x51520100;
    ok &= call(0x13, 0) == 0 && !carry() && get32(PARAMS + 16) == config.sectors;
    if (config.write_protected)
        return ok;
    for (uint8_t i = 0; i < 2; i++) {
        fill(BUFFER, (uint8_t)(0x51 + i), 512);
        ok &= (i ? edd_call(0x4300, 0x80, s, 1, BUFFER) : chs_call(0x03, 0x80, s, 1, BUFFER)) == 0;
        fill(BUFFER, 0xcc, 512);
        ok &= edd_call(0x4200, 0x80, s, 1, BUFFER) == 0 && filled(BUFFER, (uint8_t)(0x51 + i), 512);
    }
    return ok;
}

static unsigned refusals; /* of right_or_refused */

/* Reads all over the disk, so that no cache has the map: each right, or an error that tells the
 * truth. */
static bool right_or_refused(void)
{
    uint32_t p = config.pattern_start, step = (config.sectors - p) / 40;
    bool ok = true;
    refusals = 0;
    for (unsigned i = 0; i < 40 && ok; i++) {
        uint32_t lba = p + (i * 17 % 40) * step;
        bool by_chs = i & 1 && lba + 4 <= cylinders * heads * spt;
        if (is_scratch(lba, 4))
            continue;
        fill(BUFFER, 0xcc, 2048);
        uint8_t status =
            by_chs ? chs_call(0x02, 0x80, lba, 4, BUFFER) : edd_call(0x4200, 0x80, lba, 4, BUFFER);
        uint32_t done = by_chs ? regs_out.eax & 0xff : dap_count();
        ok = carry() == (status != 0) && get8(0x474) == status &&
             sectors_right(BUFFER, lba, done) && (status ? done < 4 : done == 4);
        refusals += status != 0;
    }
    return ok;
}

/* Buffers whose pages lie elsewhere than their addresses say, as upper memory blocks do, wholly or
 * in part. */
static bool remapped_read(void)
{
    uint32_t p = config.pattern_start;
    fill(WINDOW, 0xcc, 0x10000);
    bool ok = edd_call(0x4200, 0x80, p + 1, 1, WINDOW) == 0 && sector_right(WINDOW, p + 1);
    ok &= edd_call(0x4200, 0x80, p, 100, WINDOW + 512) == 0 && sectors_right(WINDOW + 512, p, 100);
    ok &= chs_call(0x02, 0x80, p + 3, 7, WINDOW + 0x1003) == 0 &&
          sectors_right(WINDOW + 0x1003, p + 3, 7);
    return ok && !carry();
}

static bool remapped_write(void)
{
    uint32_t s = config.scratch + 96;
    for (unsigned i = 0; i < 5; i++)
        fill(WINDOW + i * 512, (uint8_t)(0x61 + i), 512);
    bool ok = edd_call(0x4300, 0x80, s, 5, WINDOW) == 0 && !carry();
    ok &= edd_call(0x4200, 0x80, s, 5, BUFFER) == 0;
    for (unsigned i = 0; i < 5; i++)
        ok &= filled(BUFFER + i * 512, (uint8_t)(0x61 + i), 512);
    return ok;
}

/* With a manager that tells by VDS where buffers are, and with one that does not: each lock is
 * given back, and nobody who asks at all asks for every sector. */
static void remapped(void)
{
    uint32_t p = config.pattern_start;
    v86_call(V86_REMAP, 1);
    bool reads = remapped_read();
    bool writes = config.write_protected || remapped_write();
    v86_call(V86_VDS, 1);
    reads &= remapped_read();
    writes &= config.write_protected || remapped_write();
    fill(BUFFER, 0xcc, 100 * 512);
    v86_call(V86_VDS, 1);
    bool locks = !regs_out.eax;
    reads &= edd_call(0x4200, 0x80, p, 100, BUFFER) == 0 && sectors_right(BUFFER, p, 100);
    v86_call(V86_VDS, 0);
    locks &= !regs_out.eax && regs_out.ebx <= 20;
    print("# regions locked for 100 sectors: ");
    print_hex(regs_out.ebx, 8);
    print("\r\n");
    v86_call(V86_REMAP, 0);
    report("87 reading to a page that lies elsewhere", reads && locks);
    if (!config.write_protected)
        report("87b writing from a page that lies elsewhere", writes);
}

static void by_turns(void)
{
    bool ok = true;
    for (unsigned i = config.modes & MODE_BRIEF ? 2 : 0; i < 3; i++) {
        ok &= right_or_refused() && plain_calls();
        v86_call(V86_LEAVE, 0);
        ok &= plain_calls() && right_or_refused();
        v86_enter();
    }
    report("89 virtual-8086 and real mode by turns", ok && plain_calls());
}

void checks_v86(void)
{
    report("86 AH=02h, 03h, 42h, 43h, 48h in virtual-8086 mode", plain_calls());
    remapped();
    by_turns();
    v86_call(V86_COUNTS, 0);
    print("# block moves by the monitor, last turn: ");
    print_hex(regs_out.ecx, 8);
    print("\r\n");
    report("88 no privileged instruction of the handler", regs_out.eax <= HANDLER_MOST);
    v86_call(V86_BLOCK_MOVE, BY_NOBODY);
    report("88b AH=87h refused: right data or an error", right_or_refused());
    v86_call(V86_BLOCK_MOVE, BY_BIOS);
    report("88c AH=87h left to the BIOS: right data or an error", right_or_refused());
    v86_call(V86_BLOCK_MOVE, BY_24_BITS);
    report("88f AH=87h by 24-bit addresses: right data or an error", right_or_refused());
    v86_call(V86_BLOCK_MOVE, BY_MONITOR);
    v86_call(V86_COUNTS, 0);
    report("88d and still none", regs_out.eax <= HANDLER_MOST);
    report("88e right again afterwards", plain_calls() && right_or_refused());
}

/* A BIOS below that does not work in virtual-8086 mode, which looks at CR0 and says so: what the
 * disk can tell without it is right, the rest are errors, and real mode finds all as it was. */
void checks_shy(void)
{
    v86_call(V86_SHOW_CR0, 1);
    prepare(0x0000, 0x80);
    bool ok = call(0x13, 0) == 0 && !carry();
    prepare(0x1500, 0x80);
    ok &= call(0x13, OUT_AL | OUT_CX | OUT_DX) == 3 && !carry();
    ok &= ((regs_out.ecx & 0xffff) << 16 | (regs_out.edx & 0xffff)) == config.sectors;
    prepare(0x0800, 0x80);
    ok &= call(0x13, OUT_AL | OUT_CX | OUT_DX) == 0 && (regs_out.ecx & 0x3f) == spt;
    report("29 AH=00h, 08h, 15h need no BIOS", ok);
    ok = right_or_refused();
    report("88g a BIOS that refuses: right data or an error", ok && refusals);
    fill(BUFFER, 0x11, 512);
    uint32_t s = config.scratch + 128;
    uint8_t status = edd_call(0x4300, 0x80, s, 1, BUFFER);
    ok = status && carry() && dap_count() == 0;
    v86_call(V86_COUNTS, 0);
    report("88 no privileged instruction of the handler", regs_out.eax <= HANDLER_MOST);
    v86_call(V86_LEAVE, 0);
    ok &= edd_call(0x4200, 0x80, s, 1, BUFFER) == 0 && sector_right(BUFFER, s);
    report("88h nothing was written, and real mode works",
           ok && plain_calls() && right_or_refused());
    v86_enter();
}
