/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes the header that core makes, which takes the place of the one of the two that does not
 * count, sector by sector to where the file's extents say. Never touches another part of the file.
 */
#include "vhdx_header.h"
#include <stdint.h>
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/base/mem.h"
#include "core/vhdx/write.h"
#include "pc/bda.h"
#include "pc/bios.h"
#include "pc/console.h"

#define HEADER_SIZE 4096u

/* As random as a BIOS can be: the clock to the second, and the timer. */
static void make_seed(uint8_t seed[16])
{
    uint32_t words[4] = {console_ticks()};
    for (unsigned i = 1; i <= 2; i++) { /* INT 1Ah AH=02h time, AH=04h date: CX, DX in BCD */
        struct bios_regs r = {.eax = i << 9};
        bios_call(0x1a, &r);
        words[i] = r.ecx << 16 | (r.edx & 0xffff);
    }
    words[3] = *(const volatile uint32_t *)bios_data(BDA_TICKS);
    memcpy(seed, words, sizeof words);
}

enum err vhdx_header_write(const struct chain_link *leaf, struct drive *drive, struct fail *f)
{
    static uint8_t header[HEADER_SIZE];
    uint8_t seed[16];
    uint64_t offset;
    if (leaf->image.format != IMAGE_VHDX)
        return ERR_OK;
    make_seed(seed);
    enum err err = vhdx_header_next(&leaf->image, seed, header, &offset, f);
    for (uint32_t at = 0; !err && at < HEADER_SIZE;) { /* ends: at grows */
        uint64_t sector = (offset + at) >> SECTOR_SHIFT;
        const struct extent *e = extent_find(&leaf->extents, sector);
        if (!e || e->drive_lba == EXTENT_HOLE)
            return fail(f, ERR_IMAGE, "the VHDX's header at byte %u has no sectors", offset);
        uint64_t n = e->count - (sector - e->file_sector);
        uint32_t left = (HEADER_SIZE - at) >> SECTOR_SHIFT;
        uint32_t count = n < left ? (uint32_t)n : left;
        err =
            blk_write(&drive->blk, e->drive_lba + (sector - e->file_sector), count, header + at, f);
        at += count << SECTOR_SHIFT;
    }
    return err;
}
