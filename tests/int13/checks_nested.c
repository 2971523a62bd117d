/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The timer while a call is at work: it goes on, and what it calls from there does no harm. */
#include "int13/harness.h"

#define BUFFER     (BUF << 4)
#define VECTOR_08  (0x08 * 4u)
#define VECTOR_1C  (0x1c * 4u)
#define TICKS_MOST 60u /* that a check waits for one inside of a call */
#define CALLS_MOST 20000u
#define NESTED     4u

/* start.asm: the two interrupts' handlers, and what they count. */
extern uint32_t clock_old, tick_count, tick_inside;
extern uint16_t tick_calls, tick_wrong;
extern uint8_t tick_action;
void clock_entry(void);
void tick_entry(void);

static uint32_t here(void (*entry)(void))
{
    uint32_t cs;

    __asm__("movw %%cs, %w0" : "=r"(cs));
    return cs << 16 | (uint16_t)(uint32_t)entry;
}

/* Long reads until two ticks came in the middle of one. */
static bool ticks_go_on(void)
{
    uint32_t start = tick_count, inside = tick_inside;
    bool ok = true;

    for (unsigned i = 0; i < CALLS_MOST && ok && tick_inside - inside < 2; i++) {
        ok = edd_call(0x4200, 0x80, config.pattern_start + (i & 15) * 127, 127, BUFFER) == 0;
        if (tick_count - start > TICKS_MOST)
            break;
    }
    return ok && tick_inside - inside >= 2;
}

/* Reads that are interrupted by reads. */
static bool nested_right(void)
{
    uint32_t start = tick_count;
    bool ok = true;

    tick_action = NESTED;
    for (unsigned i = 0; i < CALLS_MOST && ok && tick_calls < NESTED; i++) {
        uint32_t lba = config.pattern_start + (i & 15) * 127;
        ok = edd_call(0x4200, 0x80, lba, 127, BUFFER) == 0 && !carry() &&
             sector_right(BUFFER, lba) && sector_right(BUFFER + 63 * 512, lba + 63) &&
             sector_right(BUFFER + 126 * 512, lba + 126);
        if (tick_count - start > NESTED * TICKS_MOST)
            break;
    }
    tick_action = 0;
    return ok && !tick_wrong;
}

void checks_nested(void)
{
    uint32_t old_1c = get32(VECTOR_1C);

    clock_old = get32(VECTOR_08);
    set32(VECTOR_08, here(clock_entry));
    set32(VECTOR_1C, here(tick_entry));
    report("84 the timer goes on while the disk is read", ticks_go_on());
    tick_calls = tick_wrong = 0;
    bool ok = nested_right();
    if (ok && !tick_calls)
        skip("83 a call from the timer's interrupt", "no tick came inside of a call");
    else
        report("83 a call from the timer's interrupt", ok);
    set32(VECTOR_1C, old_1c);
    set32(VECTOR_08, clock_old);
}
