/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sector that cannot be read, and a guest that uses all memory it was told of. */
#include "int13/harness.h"

#define BUFFER    (BUF << 4)
#define SMAP      0x534d4150u
#define LOW_START 0x500u
#define OWN_START 0x10000u /* here lies the program with what it needs */
#define OWN_END   0x30000u
#define HIGH_END  0xf0000000u

/* struct memory_step */
#define COMPARE   1u
#define WRITE     2u
#define DOWN      4u
#define ADDRESS   8u

static uint32_t here(const void *object)
{
    uint32_t cs;

    __asm__("movw %%cs, %w0" : "=r"(cs));
    return ((cs & 0xffff) << 4) + (uint16_t)(uint32_t)object;
}

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

/* One step of the memory test over every range that E820h calls usable, but where this program
 * lies. */
static bool all_ranges(const struct memory_step *step)
{
    static uint32_t entry[5];
    uint32_t next = 0, at = here(entry);
    bool ok = true;
    for (unsigned i = 0; i < 64 && ok; i++) { /* ends: so many entries at the most */
        prepare(0, 0);
        regs_in.eax = 0xe820;
        regs_in.ebx = next;
        regs_in.ecx = 20;
        regs_in.edx = SMAP;
        regs_in.es = (uint16_t)(at >> 4);
        regs_in.edi = at & 15;
        call_int(0x15);
        if (carry())
            break;
        next = regs_out.ebx;
        uint64_t start = (uint64_t)entry[1] << 32 | entry[0];
        uint64_t end = start + ((uint64_t)entry[3] << 32 | entry[2]);
        if (end > HIGH_END)
            end = HIGH_END;
        if (entry[4] == 1 && start < end) {
            if (start < OWN_START) {
                ok = memory_call(step, LOW_START, OWN_START);
                start = OWN_END;
            }
            if (ok && start < end)
                ok = memory_call(step, ((uint32_t)start + 3) & ~3u, (uint32_t)end & ~3u);
        }
        if (!next)
            break;
    }
    return ok;
}

/* Into memory of the program, so that no tested byte changes. */
static bool reads(unsigned count)
{
    static uint32_t sector[128];
    uint32_t p = config.pattern_start, state = 77, at = here(sector);
    bool ok = true;
    for (unsigned i = 0; i < count && ok; i++) {
        state = state * 1664525 + 1013904223;
        uint32_t lba = p + (state >> 4) % (config.sectors - p);
        if (lba - config.scratch >= 256 && lba - config.bad + 8 > 16)
            ok = edd_call(0x4200, 0x80, lba, 1, at) == 0 && !carry() && sector_right(at, lba);
    }
    const struct other *other = config.other;
    for (unsigned i = 0; i < 2 && ok && other[i].sectors && !config.hide; i++)
        ok = edd_call(0x4200, config.number[i], other[i].start, 1, at) == 0 &&
             other_right(&other[i], at, other[i].start);
    return ok;
}

/* As memory tests do it: own addresses, moving inversions, upwards and downwards, and what is left
 * at the end is mixed with the address. */
void checks_all_memory(void)
{
    static const struct memory_step steps[] = {
        {0, 0, WRITE | ADDRESS},
        {0, 0xffffffff, COMPARE | WRITE | ADDRESS},
        {0xffffffff, 0, COMPARE | WRITE | ADDRESS | DOWN},
        {0, 0, COMPARE | ADDRESS},
        {0, 0, WRITE},
        {0, 0xffffffff, COMPARE | WRITE},
        {0xffffffff, 0x55555555, COMPARE | WRITE | DOWN},
        {0x55555555, 0xaaaaaaaa, COMPARE | WRITE},
        {0xaaaaaaaa, 0, COMPARE | WRITE | DOWN},
        {0, 0, COMPARE},
        {0, 0x9e3779b9, WRITE | ADDRESS},
    };
    static const struct memory_step last = {0x9e3779b9, 0, COMPARE | ADDRESS};
    uint32_t sum = handler_sum();
    bool memory = true;

    for (unsigned i = 0; i < sizeof steps / sizeof *steps && memory; i++)
        memory = all_ranges(&steps[i]);
    bool ok = memory && reads(1000);
    report("81 a test of all usable memory, then 1000 reads", ok && handler_sum() == sum);
    ok = all_ranges(&last);
    if (!ok) {
        print("# wrong at ");
        print_hex(regs_out.eax, 8);
        print("\r\n");
    }
    report("81b and nobody writes to usable memory", ok);
}
