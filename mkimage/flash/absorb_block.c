/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VHD's block is its bitmap and, behind it, its data; a dynamic one has a bitmap as well. In a
 * differencing VHDX the bits of all blocks of a chunk lie together, and two blocks of 1 MiB share a
 * sector of them; they count only for a block that is partially present, so what they say of any
 * other is junk. What is written here holds at each moment for the parent by itself, too.
 */
#include "flash/absorb_block.h"
#include <errno.h>
#include <string.h>
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/image.h"
#include "core/vhdx/format.h"

#define BITS_A_SECTOR (SECTOR_SIZE * 8u)

/* The bits of one block. */
struct bits {
    uint64_t sector; /* where they lie */
    uint32_t sectors;
    uint32_t first; /* bit of the block's first sector, from there on */
    enum bit_order order;
};

static bool is_vhdx(const struct absorb_writer *w)
{
    return w->f->parent->image.format == IMAGE_VHDX;
}

static bool is_child(const struct absorb_writer *w)
{
    return w->f->parent->image.kind == IMAGE_DIFFERENCING;
}

uint32_t absorb_unit_sectors(const struct image *parent)
{
    return absorb_is_plain(parent) ? ABSORB_PIECE_SECTORS : parent->block_size / SECTOR_SIZE;
}

uint32_t absorb_bitmap_bytes(const struct image *parent)
{
    return (uint32_t)round_up_shift(absorb_unit_sectors(parent), 12) / 8;
}

static bool read_sectors(struct absorb_writer *w, uint64_t sector, void *buf, uint64_t sectors)
{
    return edit_read_at(w->f->edit, &w->f->parent->extents, sector << SECTOR_SHIFT, buf,
                        sectors << SECTOR_SHIFT);
}

bool absorb_write(struct absorb_writer *w, uint64_t sector, const void *buf, uint64_t sectors)
{
    return edit_write_at(w->f->edit, &w->f->parent->extents, sector << SECTOR_SHIFT, buf,
                         sectors << SECTOR_SHIFT);
}

/* The sectors that the child stores, run by run; `first` is where the unit's own first one lies. */
static bool write_masked(struct absorb_writer *w, uint64_t first, uint32_t count)
{
    for (uint32_t at = 0; at < count;) { /* ends: at grows */
        uint32_t n = 1;
        while (at + n < count && w->mask[at + n] == w->mask[at])
            n++;
        if (w->mask[at] && !absorb_write(w, first + at, w->data + (size_t)at * SECTOR_SIZE, n))
            return false;
        at += n;
    }
    return true;
}

/* Where the bits of block `index` lie, whose data start at sector `data`; false: it cannot be told,
 * with errno set. */
static bool find_bits(struct absorb_writer *w, uint32_t index, uint32_t data, struct bits *bits)
{
    struct image *parent = &w->f->parent->image;
    uint32_t own = w->f->slack.now.bitmap_sectors;
    *bits = (struct bits){data - own, own, 0, BITS_MSB_FIRST};
    if (!is_vhdx(w))
        return true;
    uint32_t ratio = (1u << VHDX_CHUNK_SHIFT) / w->unit, start;
    uint32_t bit = index % ratio * w->unit; /* of the chunk */
    struct fail f;
    errno = EIO;
    if (parent->bitmap(parent, index / ratio, &start, &f) || !start)
        return false;
    *bits =
        (struct bits){start + bit / BITS_A_SECTOR, (w->unit + BITS_A_SECTOR - 1) / BITS_A_SECTOR,
                      bit % BITS_A_SECTOR, BITS_LSB_FIRST};
    return true;
}

/* Sets the bits of the child's sectors; `all` those of a whole unit. True where one was 0. */
static bool set_bits(struct absorb_writer *w, const struct bits *bits, uint32_t count, bool all)
{
    bool changed = false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t bit = bits->first + i;
        if ((!all && !w->mask[i]) || bit_get(w->bitmap, bit, bits->order))
            continue;
        w->bitmap[bit >> 3] |= (uint8_t)(1u << ((bit ^ bits->order) & 7));
        changed = true;
    }
    return changed;
}

/* A block that the parent has. A differencing parent's bits come after the data that they uncover,
 * a dynamic VHD's before: facts that hold for the parent by itself, too. */
static bool write_present(struct absorb_writer *w, uint32_t index, const struct image_block *block,
                          uint32_t count)
{
    struct bits bits;
    if (absorb_is_plain(&w->f->parent->image) || (is_vhdx(w) && block->full))
        return write_masked(w, block->data, count);
    if (!find_bits(w, index, block->data, &bits) ||
        !read_sectors(w, bits.sector, w->bitmap, bits.sectors))
        return false;
    bool changed = set_bits(w, &bits, count, false);
    if (!is_child(w) && changed && !absorb_write(w, bits.sector, w->bitmap, bits.sectors))
        return false;
    if (!write_masked(w, block->data, count))
        return false;
    return !is_child(w) || !changed || absorb_write(w, bits.sector, w->bitmap, bits.sectors);
}

/* The bits of a new block, which count when it is linked. A VHDX's sector of them may hold those of
 * another block as well. */
static bool write_new_bits(struct absorb_writer *w, uint32_t index, uint32_t data, bool whole)
{
    struct bits bits;
    if (is_vhdx(w) && whole)
        return true;
    if (!find_bits(w, index, data, &bits))
        return false;
    if (!is_vhdx(w))
        memset(w->bitmap, 0, bits.sectors * SECTOR_SIZE);
    else if (read_sectors(w, bits.sector, w->bitmap, bits.sectors))
        memset(w->bitmap + bits.first / 8, 0, w->unit / 8);
    else
        return false;
    (void)set_bits(w, &bits, w->unit, whole);
    return absorb_write(w, bits.sector, w->bitmap, bits.sectors);
}

/* A block that the parent lacks goes into its next slot, whole where no parent of it is asked. */
static bool write_absent(struct absorb_writer *w, uint32_t index, const struct image_block *block,
                         uint32_t count)
{
    const struct image_slack *slack = &w->f->slack.now;
    bool whole = !is_child(w) || block->zero;
    if (w->next_slot == slack->count) {
        errno = ENOSPC;
        return false;
    }
    uint32_t slot = slack->first + w->next_slot++ * slack->stride;
    uint32_t data = slot + slack->bitmap_sectors;
    for (uint32_t i = 0; whole && i < w->unit; i++) {
        if (!w->mask[i])
            memset(w->data + (size_t)i * SECTOR_SIZE, 0, SECTOR_SIZE);
        w->mask[i] = 1;
    }
    if (!write_new_bits(w, index, data, whole) || !write_masked(w, data, whole ? w->unit : count))
        return false;
    w->pending[w->pendings++] = (struct absorb_pending){index, slot, whole};
    return w->pendings < ABSORB_PENDING_MAX || absorb_block_link(w);
}

bool absorb_block_write(struct absorb_writer *w, uint32_t index, const struct image_block *block,
                        uint32_t count)
{
    return block->present ? write_present(w, index, block, count)
                          : write_absent(w, index, block, count);
}

/* A block's entry in the BAT: bytes, and where they start in it. */
static uint32_t entry_make(const struct absorb_writer *w, const struct absorb_pending *p,
                           uint8_t entry[8], uint64_t *at)
{
    if (!is_vhdx(w)) {
        be32 value = be32_make(p->sector);
        memcpy(entry, &value, sizeof value);
        *at = (uint64_t)p->block * sizeof value;
        return sizeof value;
    }
    uint32_t ratio = (1u << VHDX_CHUNK_SHIFT) / w->unit;
    le64 value = le64_make((uint64_t)p->sector << SECTOR_SHIFT |
                           (p->full ? VHDX_FULLY_PRESENT : VHDX_PARTIALLY_PRESENT));
    memcpy(entry, &value, sizeof value);
    *at = (uint64_t)(p->block + p->block / ratio) * sizeof value;
    return sizeof value;
}

bool absorb_block_link(struct absorb_writer *w)
{
    uint8_t sector[SECTOR_SIZE], entry[8];
    if (!w->pendings)
        return true;
    if (!edit_sync(w->f->edit))
        return false;
    for (unsigned i = 0; i < w->pendings; i++) {
        uint64_t at;
        uint32_t size = entry_make(w, &w->pending[i], entry, &at);
        uint64_t place = w->f->slack.now.bat_sector + at / SECTOR_SIZE;
        if (!read_sectors(w, place, sector, 1))
            return false;
        memcpy(sector + at % SECTOR_SIZE, entry, size);
        if (!absorb_write(w, place, sector, 1))
            return false;
    }
    w->pendings = 0;
    return edit_sync(w->f->edit);
}
