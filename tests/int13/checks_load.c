/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many reads, small stacks, A20. */
#include "int13/harness.h"

#define BUFFER (BUF << 4)

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % limit;
}

static void random_reads(void)
{
    uint32_t p = config.pattern_start, span = config.sectors - p;
    bool ok = true;
    unsigned done = 0;
    unsigned reads = config.rounds ? config.rounds * 10u : 1000;
    for (unsigned i = 0; i < reads && ok; i++) {
        uint32_t count = 1 + random_below(127);
        uint32_t lba = p + random_below(span - count);
        uint32_t buffer = (BUF_LOW << 4) + random_below(65536);
        /* What the checks wrote is no pattern any more. */
        if (lba < config.scratch + 256 && config.scratch < lba + count)
            continue;
        if (lba <= config.bad && config.bad < lba + count)
            continue;
        bool by_chs = i & 1 && lba + count <= cylinders * heads * spt;
        if (by_chs)
            ok = chs_call(0x02, 0x80, lba, (uint8_t)count, buffer) == 0;
        else
            ok = edd_call(0x4200, 0x80, lba, (uint16_t)count, buffer) == 0;
        ok = ok && !carry() && sectors_right(buffer, lba, count);
        done++;
    }
    report("96 random reads of 1 to 127 sectors", ok && done > reads / 2);
}

/* Every page border, with a read over it. */
static void borders(void)
{
    bool ok = true;
    uint32_t step = config.modes & MODE_BRIEF ? 4 * 4096 : 4096;
    for (uint32_t lba = 4096; lba + 64 < config.sectors && ok; lba += step)
        if (lba - 63 >= config.pattern_start &&
            !(lba - 63 < config.scratch + 256 && config.scratch < lba + 64))
            ok = edd_call(0x4200, 0x80, lba - 63, 127, BUFFER) == 0 &&
                 sectors_right(BUFFER, lba - 63, 127);
    report("94 reads over every border", ok);
    ok = true;
    unsigned zeros = 0;
    for (unsigned i = 0; i < 8 && ok; i++)
        if (config.zero[i].count) {
            fill(BUFFER, 0xcc, 1024);
            ok = edd_call(0x4200, 0x80, config.zero[i].lba, 1, BUFFER) == 0 &&
                 filled(BUFFER, 0, 512) && filled(BUFFER + 512, 0xcc, 512);
            zeros++;
        }
    if (zeros)
        report("93 what is stored nowhere reads as zeros", ok);
}

static void small_stack(void)
{
    /* 32 bytes of stack, and below them nothing may change. With interrupts disabled: else the
     * timer's own frame may come onto that stack, just before the call or just after it. */
    uint32_t stack = DAP_SEG + 0x80, bottom = (stack << 4) + 0x200, p = config.pattern_start;
    bool ok = true;

    fill(bottom - 0x100, 0xcc, 0x100);
    for (unsigned i = 0; i < 2; i++) {
        i ? chs_call(0x02, 0x80, p, 8, BUFFER + 1) : edd_call(0x4200, 0x80, p, 8, BUFFER);
        fill(BUFFER, 0xcc, 4097);
        regs_in.flags = 0;
        call_stack = stack << 16 | 0x222; /* the harness takes two bytes itself */
        ok &= call(0x13, i ? OUT_AL : 0) == 0 && !carry();
        call_stack = 0;
        ok &= sectors_right(BUFFER + i, p, 8);
    }
    report("82 32 bytes of stack are enough", ok && filled(bottom - 0x100, 0xcc, 0x100));
}

static bool a20_on(void)
{
    uint32_t here = 0x7e00, value = get32(here);
    uint32_t above;
    __asm__ volatile("movw %w1, %%fs\n\tmovl %%fs:(%2), %0"
                     : "=r"(above)
                     : "r"(0xffff), "r"(here + 16));
    if (value != above)
        return true;
    set32(here, ~value);
    __asm__ volatile("movw %w1, %%fs\n\tmovl %%fs:(%2), %0"
                     : "=r"(above)
                     : "r"(0xffff), "r"(here + 16));
    set32(here, value);
    return above == value;
}

static void a20(void)
{
    if (v86) {
        skip("85 A20 off", "not in virtual-8086 mode");
        return;
    }
    prepare(0x2400, 0);
    call_int(0x15);
    if (carry() || a20_on()) {
        skip("85 A20 off", "it does not go off");
        return;
    }
    bool ok = true;
    for (unsigned i = 0; i < 4 && ok; i++) {
        uint32_t lba =
            config.pattern_start + random_below(config.sectors - config.pattern_start - 8);
        if (lba < config.scratch + 256 && config.scratch < lba + 8)
            continue;
        ok = edd_call(0x4200, 0x80, lba, 8, BUFFER) == 0 && sectors_right(BUFFER, lba, 8);
    }
    report("85 A20 off stays off, and the data is right", ok && !a20_on());
    prepare(0x2401, 0);
    call_int(0x15);
}

/* Large counts: more than a 64 KiB segment cannot be reached by one buffer below, so this asks for
 * what reaches from 3000:0 to the resident at most. */
static void long_read(void)
{
    uint32_t p = config.pattern_start;
    uint8_t status = edd_call(0x4200, 0x80, p, 300, BUF_LOW << 4);
    report("44b 300 sectors, or a clean error",
           status ? carry() && dap_count() == 0 : sectors_right(BUF_LOW << 4, p, 300));
}

void checks_load(void)
{
    borders();
    small_stack();
    a20();
    long_read();
    random_reads();
}
