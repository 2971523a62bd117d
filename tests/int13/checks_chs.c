/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AH=02h, 03h, 04h. */
#include "int13/harness.h"

#define BUFFER (BUF << 4)

static uint8_t al(void)
{
    return (uint8_t)regs_out.eax;
}

static bool read_right(uint32_t lba, uint8_t count, uint32_t buffer)
{
    fill(buffer, 0xcc, count * 512u);
    return chs_call(0x02, 0x80, lba, count, buffer) == 0 && !carry() && al() == count &&
           sectors_right(buffer, lba, count);
}

static bool bad_chs(uint16_t cx, uint8_t dh)
{
    fill(BUFFER, 0xcc, 512);
    prepare(0x0201, (uint16_t)(dh << 8 | 0x80));
    regs_in.ecx = 0xc1c20000 | cx;
    regs_in.ebx = 0xb1b20000;
    return call(0x13, OUT_AL) != 0 && carry() && filled(BUFFER, 0xcc, 512);
}

static void reading(void)
{
    uint32_t p = config.pattern_start;
    uint32_t track = ((p + 20) / spt + 1) * spt;
    uint32_t cylinder = ((p + 63) / (heads * spt) + 1) * heads * spt;
    bool ok = chs_call(0x02, 0x80, 0, 1, BUFFER) == 0 && al() == 1;
    report("7 first sector", ok && get16(BUFFER + 510) == 0xaa55 && get32(BUFFER + 454) == p &&
                                 get32(BUFFER + 458) == config.sectors - p);
    report("8 last CHS sector", read_right(cylinders * heads * spt - 1, 1, BUFFER));
    report("9 63 sectors over a track's end", read_right(track - 20, 63, BUFFER));
    report("10 127 sectors over a cylinder's end", read_right(cylinder - 63, 127, BUFFER));
    report("11 sector 0", bad_chs(0x0000, 0));
    if (spt < 63)
        report("12 sector S+1", bad_chs((uint16_t)(spt + 1), 0));
    else
        skip("12 sector S+1", "63 sectors a track");
    if (heads < 256)
        report("13 head H", bad_chs(0x0001, (uint8_t)heads));
    /* A BIOS may tell one cylinder less than it has. */
    uint32_t c = config.hooked ? cylinders : cylinders + 1;
    if (c < 1024)
        report("14 cylinder C", bad_chs((uint16_t)((c & 0xff) << 8 | c >> 8 << 6 | 1), 0));
    else
        skip("14 cylinder C", "1024 cylinders");
    fill(BUFFER, 0xcc, 512);
    uint8_t status = chs_call(0x02, 0x80, p, 0, BUFFER);
    report("15 no sectors", carry() == (status != 0) && filled(BUFFER, 0xcc, 512));
    fill(BUFFER, 0xcc, 512);
    status = chs_call(0x02, 0x80, p, 128, BUFFER);
    report("16 128 sectors, or an error", carry() == (status != 0) &&
                                              (status ? al() < 128 : al() == 128) &&
                                              sectors_right(BUFFER, p, al()));
}

static void buffers(void)
{
    uint32_t p = config.pattern_start;
    fill(BUF_LOW << 4, 0xcc, 512);
    fill(BUFFER, 0xcc, 1024);
    prepare(0x0202, 0x80);
    uint32_t track = p / spt;
    regs_in.edx |= track % heads << 8;
    regs_in.ecx = 0xc1c20000 | (track / heads & 0xff) << 8 | (p % spt + 1);
    regs_in.es = BUF_LOW;
    regs_in.ebx = 0xb1b2fe01;
    bool ok = call(0x13, OUT_AL) == 0 && !carry() && sectors_right((BUF_LOW << 4) + 0xfe01, p, 2);
    report("17 no wrap at the segment's end", ok && filled(BUF_LOW << 4, 0xcc, 512));
    report("18 over a 64 KiB border", read_right(p, 2, BUFFER - 512));
    report("18b over a 64 KiB border inside a sector", read_right(p, 127, BUFFER - 0x8100 + 2));
    uint32_t top = (uint32_t)get16(0x413) << 10;
    uint32_t sum = handler_sum();
    ok = read_right(p, 16, top - 8192) && read_right(p + 1, 1, BUFFER);
    report("19 just below the end of memory", ok && handler_sum() == sum);
    report("20 odd address", read_right(p + 3, 3, BUFFER + 0x1235));
}

static void writing(void)
{
    uint32_t s = config.scratch;
    if (config.write_protected) {
        bool ok = chs_call(0x03, 0x80, config.pattern_start, 1, BUFFER) == 0x03 && carry();
        report("26 AH=03h on a protected disk", ok && read_right(config.pattern_start, 1, BUFFER));
        return;
    }
    for (unsigned i = 0; i < 512; i++)
        set8(BUFFER + i, (uint8_t)(i * 7 + 1));
    bool ok = chs_call(0x03, 0x80, s + 1, 1, BUFFER) == 0 && !carry() && al() == 1;
    fill(BUFFER, 0xcc, 1536);
    ok &= chs_call(0x02, 0x80, s, 3, BUFFER) == 0 && sector_right(BUFFER, s) &&
          sector_right(BUFFER + 1024, s + 2);
    for (unsigned i = 0; i < 512; i++)
        ok &= get8(BUFFER + 512 + i) == (uint8_t)(i * 7 + 1);
    report("25 AH=03h, and its neighbours stay", ok);
    if (config.no_write) {
        fill(BUFFER, 0x11, 512);
        ok = chs_call(0x03, 0x80, config.no_write, 1, BUFFER) == 0xcc && carry() && al() == 0;
        report("26b AH=03h where nothing can be written",
               ok && read_right(config.no_write, 1, BUFFER));
    }
}

static void verifying(void)
{
    bool ok = chs_call(0x04, 0x80, config.pattern_start, 5, BUFFER) == 0 && !carry() && al() == 5;
    prepare(0x0401, 0x80);
    regs_in.ecx = 0xc1c20000;
    ok &= call(0x13, OUT_AL) != 0 && carry();
    report("27 AH=04h", ok);
}

void checks_chs(void)
{
    reading();
    buffers();
    writing();
    verifying();
}
