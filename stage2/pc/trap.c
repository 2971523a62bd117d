/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interrupt descriptor table, which start.asm loads, and the sentences. Halts; never returns to
 * what has failed. */
#include "pc/trap.h"
#include <stddef.h>
#include <stdint.h>
#include "core/base/bounds.h"
#include "core/base/text.h"
#include "layout.h"
#include "pc/console.h"

#define TRAP_COUNT   32
#define CODE_SEGMENT 0x08   /* CODE32 of start.asm */
#define GATE         0x8e00 /* present, ring 0, 32-bit interrupt gate */
#define STACK_MARK   0x6b617473u

struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint16_t type;
    uint16_t offset_high;
};
static_assert(sizeof(struct gate) == 8, "interrupt gate");

extern const uint8_t trap_stubs[];
extern struct gate idt[TRAP_COUNT]; /* protected.asm loads its address */
void trap_report(uint32_t vector, uint32_t address) __attribute__((noreturn));

static volatile uint32_t *const stack_end = (uint32_t *)STAGE2_END;

void trap_init(void)
{
    for (unsigned i = 0; i < TRAP_COUNT; i++) {
        uint32_t stub = (uint32_t)(uintptr_t)trap_stubs + i * TRAP_STUB_SIZE;
        idt[i] = (struct gate){(uint16_t)stub, CODE_SEGMENT, GATE, (uint16_t)(stub >> 16)};
    }
    *stack_end = STACK_MARK;
}

void trap_report(uint32_t vector, uint32_t address)
{
    char line[80];
    struct text t;
    text_init(&t, line, sizeof line);
    text_str(&t, "\nerror: vhdboot itself failed: processor exception ");
    text_u64(&t, vector);
    text_str(&t, " at 0x");
    text_hex(&t, address);
    console_print(line);
    console_print("\nPlease report these numbers together with what was being started.\n");
    console_halt();
}

void trap_check_stack(void)
{
    if (*stack_end == STACK_MARK)
        return;
    console_print("\nerror: vhdboot itself failed: its stack is full\n");
    console_print("Please report this together with what was being started.\n");
    console_halt();
}
