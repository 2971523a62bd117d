/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one request and its piece, which the other files work on. */
#include "resident/request.h"
#include <machine/machine.h>

IN_GAP struct request request;
struct piece piece = {.packet.size = sizeof(struct edd_packet)};

__attribute__((noinline)) uint32_t request_page(void)
{
    return machine_shift(request.packet.lba, header.page_shift);
}

uint32_t request_within(void)
{
    return (uint32_t)request.packet.lba & header.page_last;
}

uint32_t bounce_bits;

__attribute__((noinline)) uint32_t bounce_linear(void)
{
    bounce_bits = 0;
    return machine_linear(bounce);
}

void piece_limit(uint32_t sectors)
{
    if (piece.packet.count > sectors)
        piece.packet.count = (uint16_t)sectors;
}
