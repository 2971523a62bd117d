/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts exchange_code.asm to the end of conventional memory and hooks INT 13h. */
#include "pc/exchange.h"
#include <stddef.h>
#include "core/base/bounds.h"
#include "core/base/mem.h"
#include "pc/bda.h"
#include "pc/bios.h"

#define FIRST_HARD_DISK  0x80u
#define SECOND_HARD_DISK 0x81u

/* The head of exchange_code.asm. */
struct exchange_head {
    uint8_t jump[2];       /* 0x0 */
    uint8_t first, second; /* 0x2: the numbers */
    uint32_t old_int13;    /* 0x4 */
};
static_assert(offsetof(struct exchange_head, old_int13) == 4, "head of exchange_code.asm");

extern const uint8_t exchange_code[], exchange_code_end[];

void exchange_with_first(uint8_t number, uint32_t low_end)
{
    uint32_t base = (low_end & ~1023u) - EXCHANGE_BYTES;
    uint8_t *code = (uint8_t *)bios_data(base);
    struct exchange_head *head = (struct exchange_head *)code;
    memcpy(code, exchange_code, (size_t)(exchange_code_end - exchange_code));
    head->first = FIRST_HARD_DISK;
    head->second = number;
    head->old_int13 = bios_vector(0x13);
    *(volatile uint16_t *)bios_data(BDA_LOW_KIB) = (uint16_t)(base >> 10);
    bios_vector_set(0x13, base >> 4 << 16);
    if (number == SECOND_HARD_DISK) { /* their parameter tables go with them */
        uint32_t table = bios_vector(0x41);
        bios_vector_set(0x41, bios_vector(0x46));
        bios_vector_set(0x46, table);
    }
}
