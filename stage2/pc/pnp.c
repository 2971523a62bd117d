/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks for the installation check where the Plug and Play BIOS specification says that it is: at a
 * paragraph of the last 64 KiB below 1 MiB. */
#include "pc/pnp.h"
#include <stddef.h>
#include "core/base/bounds.h"
#include "pc/bios.h"

#define PNP_START    0xf0000u
#define PNP_END      0x100000u
#define PARAGRAPH    16
#define LENGTH_LEAST 0x21

/* The head of the installation check. */
struct pnp_check {
    uint8_t signature[4]; /* 0x0: "$PnP" */
    uint8_t version;      /* 0x4 */
    uint8_t length;       /* 0x5: of the whole check, whose bytes' sum is 0 */
};
static_assert(sizeof(struct pnp_check) == 6, "Plug and Play installation check");

static bool is_check(const volatile struct pnp_check *p, uint32_t left)
{
    uint8_t sum = 0;

    if (p->signature[0] != '$' || p->signature[1] != 'P' || p->signature[2] != 'n' ||
        p->signature[3] != 'P' || p->length < LENGTH_LEAST || p->length > left)
        return false;
    for (unsigned i = 0; i < p->length; i++)
        sum += ((const volatile uint8_t *)p)[i];
    return !sum;
}

uint32_t pnp_find(void)
{
    for (uint32_t at = PNP_START; at < PNP_END; at += PARAGRAPH) {
        if (is_check(bios_data(at), PNP_END - at))
            return at;
    }
    return 0;
}
