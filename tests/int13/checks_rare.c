/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sector that cannot be read, and a guest that uses all memory it was told of. */
#include "harness.h"

#define BUFFER    (BUF << 4)
#define SMAP      0x534d4150u
#define LOW_START 0x60000u /* below lies the program with its buffers */
#define HIGH_END  0xf0000000u

/* Some sectors before, the bad one, some behind. */
void checks_error(void)
{
    uint32_t bad = config.bad;
    if (!bad) {
        skip("95 a read error below", "none was injected");
        return;
    }
    fill(BUFFER, 0xcc, 4096);
    uint8_t status = edd_call(0x4200, 0x80, bad - 5, 8, BUFFER);
    uint16_t done = dap_count();
    bool ok = status != 0 && carry() && done <= 5 && sectors_right(BUFFER, bad - 5, done);
    prepare(0x0100, 0x80);
    ok &= call(0x13, 0) == status && carry();
    fill(BUFFER, 0xcc, 4096);
    status = chs_call(0x02, 0x80, bad - 2, 8, BUFFER);
    done = (uint8_t)regs_out.eax;
    ok &= status != 0 && carry() && done <= 2 && sectors_right(BUFFER, bad - 2, done);
    report("95 a read error below, with a count that is true", ok);
    prepare(0x0000, 0x80);
    ok = call(0x13, 0) == 0 && !carry();
    ok &= edd_call(0x4200, 0x80, bad + 1, 8, BUFFER) == 0 && sectors_right(BUFFER, bad + 1, 8);
    ok &= edd_call(0x4200, 0x80, bad - 8, 8, BUFFER) == 0 && sectors_right(BUFFER, bad - 8, 8);
    report("95b its neighbours can be read after AH=00h", ok);
}

/* Fills (or compares) every range that E820h calls usable. */
static bool all_ranges(bool compare)
{
    uint32_t next = 0;
    bool ok = true;
    for (unsigned i = 0; i < 64 && ok; i++) { /* ends: so many entries at the most */
        prepare(0, 0);
        regs_in.eax = 0xe820;
        regs_in.ebx = next;
        regs_in.ecx = 20;
        regs_in.edx = SMAP;
        regs_in.edi = 0;
        call_int(0x15);
        if (carry())
            break;
        uint64_t start = (uint64_t)get32(BUFFER + 4) << 32 | get32(BUFFER);
        uint64_t end = start + ((uint64_t)get32(BUFFER + 12) << 32 | get32(BUFFER + 8));
        if (start < LOW_START)
            start = LOW_START;
        if (end > HIGH_END)
            end = HIGH_END;
        if (get32(BUFFER + 16) == 1 && start < end)
            ok = memory_call(compare, ((uint32_t)start + 3) & ~3u, (uint32_t)end & ~3u);
        next = regs_out.ebx;
        if (!next)
            break;
    }
    return ok;
}

static bool reads(unsigned count)
{
    uint32_t p = config.pattern_start, state = 77;
    bool ok = true;
    for (unsigned i = 0; i < count && ok; i++) {
        state = state * 1664525 + 1013904223;
        uint32_t lba = p + (state >> 4) % (config.sectors - p);
        if (lba - config.scratch >= 256 && lba - config.bad + 8 > 16)
            ok = edd_call(0x4200, 0x80, lba, 1, BUFFER) == 0 && sector_right(BUFFER, lba);
    }
    return ok;
}

void checks_all_memory(void)
{
    all_ranges(false);
    bool ok = reads(1000);
    uint32_t p = config.second_start;
    if (config.second_sectors)
        ok &= edd_call(0x4200, config.second_number, p, 1, BUFFER) == 0 && second_right(BUFFER, p);
    report("81 right data after all usable memory was written", ok);
    ok = all_ranges(true);
    if (!ok) {
        print("# wrong at ");
        print_hex(regs_out.eax, 8);
        print("\r\n");
    }
    report("81b and nobody writes to usable memory", ok);
}
