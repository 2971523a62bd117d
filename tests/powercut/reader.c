/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hands each question on. */
#include "powercut/reader.h"
#include "core/base/bounds.h"

const char *reader_init(struct reader *r, const uint8_t *flash, const struct chain *chain)
{
    *r = (struct reader){.is_vhdx = chain->link[0]->image.format == IMAGE_VHDX};
    if (chain->count > SECOND_LAYERS_MAX || chain->count > SECOND_VHDX_LAYERS_MAX)
        return "the chain is too long";
    r->vhd.flash = r->vhdx.flash = flash;
    r->vhd.count = r->vhdx.count = chain->count;
    for (unsigned i = 0; i < chain->count; i++) {
        const struct chain_link *link = chain->link[i];
        r->vhd.layer[i].extents = r->vhdx.layer[i].extents = &link->extents;
        r->vhd.layer[i].file_sectors = link->file.size / SECTOR_SIZE;
        r->vhdx.layer[i].file_size = link->file.size;
    }
    return reader_open(r);
}

const char *reader_open(struct reader *r)
{
    const char *why = r->is_vhdx ? second_vhdx_open(&r->vhdx) : second_open(&r->vhd);
    return !why && r->is_vhdx && r->vhdx.has_log ? "there is a log" : why;
}

const uint8_t *reader_sector(const struct reader *r, uint64_t lba)
{
    return r->is_vhdx ? second_vhdx_sector(&r->vhdx, lba) : second_sector(&r->vhd, lba);
}

enum second_use reader_use(const struct reader *r, uint64_t file_sector)
{
    return r->is_vhdx ? second_vhdx_use(&r->vhdx, file_sector) : second_use(&r->vhd, file_sector);
}

uint64_t reader_blocks(const struct reader *r)
{
    return r->is_vhdx ? second_vhdx_blocks(&r->vhdx) : r->vhd.layer[0].blocks;
}

const struct extent_list *reader_extents(const struct reader *r)
{
    return r->vhd.layer[0].extents;
}
