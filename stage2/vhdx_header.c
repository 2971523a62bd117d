/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes the header that core makes, which takes the place of the one of the two that does not
 * count, sector by sector to where the file's extents say; then the note about the slack, which
 * names the header. Never touches another part of the file.
 */
#include "vhdx_header.h"
#include <stdbool.h>
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

/* Whole sectors to byte `offset` of the leaf's file. */
static enum err file_write(const struct chain_link *leaf, struct drive *drive, uint64_t offset,
                           const uint8_t *data, uint32_t size, struct fail *f)
{
    enum err err = ERR_OK;
    for (uint32_t at = 0; !err && at < size;) { /* ends: at grows */
        uint64_t sector = (offset + at) >> SECTOR_SHIFT;
        const struct extent *e = extent_find(&leaf->extents, sector);
        if (!e || e->drive_lba == EXTENT_HOLE)
            return fail(f, ERR_IMAGE, "the VHDX's header at byte %u has no sectors", offset);
        uint64_t n = e->count - (sector - e->file_sector);
        uint32_t left = (size - at) >> SECTOR_SHIFT;
        uint32_t count = n < left ? (uint32_t)n : left;
        err = blk_write(&drive->blk, e->drive_lba + (sector - e->file_sector), count, data + at, f);
        at += count << SECTOR_SHIFT;
    }
    return err;
}

enum err vhdx_header_write(const struct chain_link *leaf, struct drive *drive, struct fail *f)
{
    static uint8_t header[HEADER_SIZE], note[SECTOR_SIZE];
    uint8_t seed[16];
    uint64_t offset, note_at;
    if (leaf->image.format != IMAGE_VHDX)
        return ERR_OK;
    make_seed(seed);
    enum err err = vhdx_header_next(&leaf->image, VHDX_CHANGES_DISK, seed, header, &offset, f);
    bool noted = !err && vhdx_note_next(&leaf->image, header, note, &note_at);
    if (!err)
        err = file_write(leaf, drive, offset, header, sizeof header, f);
    return err || !noted ? err : file_write(leaf, drive, note_at, note, sizeof note, f);
}
