/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing VHDs. What a flush does:
 *
 *     sync: data, and what new blocks were filled with; bitmaps and BAT, in any order; sync
 *
 * A new block of a differencing VHD has a bitmap of zeros when it is named by the BAT, so it shows
 * the parent's content; a bit that is set shows data that are on the medium by then. In a dynamic
 * VHD some readers go by the bits and some do not: they see one content as long as a bit that is
 * clear stands over zeros. So there all bits are set before the first byte of data, in a new block,
 * which is zeros, as in an old one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/image.h"
#include "core/vhd/bat.h"
#include "core/vhd/format.h"
#include "core/vhd/slack.h"
#include "serve/leaf.h"
#include "serve/meta.h"
#include "serve/slots.h"
#include "serve/table.h"

#define BITMAP_UNITS   (META_BYTES >> SECTOR_SHIFT)
#define BAT_ENTRIES    (SECTOR_SIZE / sizeof(be32))
#define BLOCKS_MAX     ((uint32_t)1 << 28)
#define ABSENT_LOOK    65536u /* blocks that one find() looks at */
#define BITS_A_SECTOR  (8 * SECTOR_SIZE)
#define SENTENCE_BLOCK "block %u could not be written"

struct vhd_leaf {
    struct leaf leaf;
    bool differencing;
    uint32_t bitmap_sectors, blocks;
    uint64_t bat_offset, structures_end;
    struct table bat;       /* uint32_t a block: the complement of the BAT's entry, 0 absent */
    struct marks bat_dirty; /* each of its sectors */
    struct table sound;     /* a bit a block: dynamic: all bits are known to be set */
    struct meta bitmaps;
    struct slots slots;
};

static uint32_t *entry_of(struct vhd_leaf *v, uint32_t block)
{
    return (uint32_t *)v->bat.base + block; /* keeps ~entry */
}

static void entry_set(struct vhd_leaf *v, uint32_t block, uint32_t entry)
{
    *entry_of(v, block) = ~entry;
    marks_set(&v->bat_dirty, block / BAT_ENTRIES);
}

static uint64_t data_offset(struct vhd_leaf *v, uint32_t block)
{
    return ((uint64_t) ~*entry_of(v, block) + v->bitmap_sectors) << SECTOR_SHIFT;
}

/* The unit that holds the bit of `lba`, whose block is there. */
static int bits_get(struct vhd_leaf *v, uint64_t lba, uint8_t **bits, uint32_t *bit, struct fail *f)
{
    uint32_t block = leaf_block(&v->leaf, lba);
    uint32_t in = (uint32_t)leaf_in_block(&v->leaf, lba);
    *bit = in % BITS_A_SECTOR;
    int error = meta_get(&v->bitmaps, (uint64_t) ~*entry_of(v, block) + in / BITS_A_SECTOR, bits);
    return store_fail(f, error, "the bitmap of block %u could not be read", block);
}

static int vhd_find(struct leaf *l, uint64_t lba, uint64_t count, struct leaf_run *run,
                    struct fail *f)
{
    struct vhd_leaf *v = (struct vhd_leaf *)l;
    uint32_t block = leaf_block(&v->leaf, lba);
    if (!*entry_of(v, block)) {
        uint32_t next = block + 1;
        while (next < v->blocks && next - block < ABSENT_LOOK &&
               leaf_left(l, lba, next - 1) < count && !*entry_of(v, next))
            next++;
        *run = (struct leaf_run){.state = IMAGE_ABSENT, .count = leaf_left(l, lba, next - 1)};
        return 0;
    }
    uint64_t in = leaf_in_block(l, lba);
    *run = (struct leaf_run){.state = IMAGE_DATA,
                             .count = leaf_block_left(l, lba),
                             .offset = data_offset(v, block) + (in << SECTOR_SHIFT)};
    if (!v->differencing)
        return 0;
    uint8_t *bits;
    uint32_t bit;
    int error = bits_get(v, lba, &bits, &bit, f);
    if (error)
        return error;
    leaf_run_by_bits(run, bits, bit, BITS_A_SECTOR, BITS_MSB_FIRST);
    return 0;
}

/* Sets all bits of a block's bitmap in the file, sector by sector. *changed: some were clear. */
static int bits_fill(struct vhd_leaf *v, uint32_t start, bool look, bool *changed)
{
    uint8_t held[SECTOR_SIZE], ones[SECTOR_SIZE];
    struct store *store = v->leaf.store;
    memset(ones, 0xff, sizeof ones);
    *changed = !look;
    for (uint32_t i = 0; i < v->bitmap_sectors; i++) {
        uint64_t at = ((uint64_t)start + i) << SECTOR_SHIFT;
        int error = look ? store->read(store, held, sizeof held, at) : 0;
        if (error)
            return error;
        uint32_t used = 1u << v->leaf.block_shift;
        used = used < BITS_A_SECTOR ? used / 8 : SECTOR_SIZE;
        if (look && used && bytes_are(held, used, 0xff))
            continue;
        *changed = true;
        error = store->write(store, ones, sizeof ones, at);
        if (error)
            return error;
    }
    return 0;
}

/* Makes what a new block's slot holds invisible: zeros, or clear bits. */
static int slot_prepare(struct vhd_leaf *v, uint32_t start, uint64_t dirty_end)
{
    struct store *store = v->leaf.store;
    uint64_t from = (uint64_t)start << SECTOR_SHIFT;
    uint64_t bitmap_end = from + ((uint64_t)v->bitmap_sectors << SECTOR_SHIFT);
    uint64_t end = v->differencing && dirty_end > bitmap_end ? bitmap_end : dirty_end;
    int error = end > from ? store->zero(store, end - from, from, true) : 0;
    bool changed;
    if (!error && !v->differencing)
        error = bits_fill(v, start, false, &changed);
    return error;
}

static int block_new(struct vhd_leaf *v, uint32_t block, struct fail *f)
{
    uint32_t start;
    uint64_t dirty_end;
    int error = slots_take(&v->slots, &start, &dirty_end, f);
    if (error)
        return error;
    error = slot_prepare(v, start, dirty_end);
    if (error) {
        recycle_return(&v->slots.recycle, start);
        return store_fail(f, error, SENTENCE_BLOCK, block);
    }
    entry_set(v, block, start);
    table_bit_set(&v->sound, block);
    return 0;
}

/* A block of a dynamic VHD that is there gets all its bits, once a session. */
static int block_sound(struct vhd_leaf *v, uint32_t block, struct fail *f)
{
    bool changed;
    int error = bits_fill(v, ~*entry_of(v, block), true, &changed);
    if (!error && changed)
        error = store_sync(v->leaf.store);
    if (!error)
        table_bit_set(&v->sound, block);
    return store_fail(f, error, SENTENCE_BLOCK, block);
}

static int vhd_flush(struct leaf *l, struct fail *f);

static int vhd_place(struct leaf *l, uint64_t lba, uint64_t *count, uint64_t *offset,
                     struct fail *f)
{
    struct vhd_leaf *v = (struct vhd_leaf *)l;
    uint32_t block = leaf_block(&v->leaf, lba);
    int error = 0;
    if (!*entry_of(v, block))
        error = block_new(v, block, f);
    else if (!v->differencing && !table_bit(&v->sound, block))
        error = block_sound(v, block, f);
    if (error)
        return error;
    if (*count > leaf_block_left(l, lba))
        *count = leaf_block_left(l, lba);
    uint64_t in = leaf_in_block(l, lba);
    *offset = data_offset(v, block) + (in << SECTOR_SHIFT);
    return 0;
}

static int vhd_written(struct leaf *l, uint64_t lba, uint64_t count, struct fail *f)
{
    struct vhd_leaf *v = (struct vhd_leaf *)l;
    if (!v->differencing)
        return 0;
    while (count) { /* ends: count shrinks */
        int error = meta_room(&v->bitmaps, 1) ? 0 : vhd_flush(l, f);
        uint8_t *bits;
        uint32_t bit;
        if (!error)
            error = bits_get(v, lba, &bits, &bit, f);
        if (error)
            return error;
        uint32_t n = BITS_A_SECTOR - bit < count ? BITS_A_SECTOR - bit : (uint32_t)count;
        if (leaf_bits_put(bits, bit, bit + n, true, BITS_MSB_FIRST))
            meta_dirty(&v->bitmaps, bits);
        lba += n;
        count -= n;
    }
    return 0;
}

static int vhd_erase(struct leaf *l, uint64_t lba, uint64_t count, uint64_t *done, struct fail *f)
{
    struct vhd_leaf *v = (struct vhd_leaf *)l;
    uint32_t block = leaf_block(l, lba);
    uint64_t left = leaf_block_left(l, lba);
    *done = 0;
    if (v->differencing)
        return 0;
    if (!*entry_of(v, block)) {
        *done = count < left ? count : left;
        return 0;
    }
    /* The last block's place may be shorter than others: nothing else goes there. */
    if (!leaf_covers_block(l, lba, count) || block + 1 == v->blocks)
        return 0;
    int error = slots_forget_note(&v->slots, f);
    if (error || !recycle_leave(&v->slots.recycle, ~*entry_of(v, block)))
        return error;
    entry_set(v, block, VHD_BAT_ABSENT);
    table_bit_clear(&v->sound, block);
    *done = left;
    return 0;
}

static int bitmaps_write(struct vhd_leaf *v)
{
    struct store *store = v->leaf.store;
    for (uint32_t i = meta_next_dirty(&v->bitmaps, 0); i != META_NONE;
         i = meta_next_dirty(&v->bitmaps, i + 1)) {
        int error = store->write(store, meta_data(&v->bitmaps, i), SECTOR_SIZE,
                                 v->bitmaps.unit[i].number << SECTOR_SHIFT);
        if (error)
            return error;
    }
    return 0;
}

static uint32_t bat_sectors(const struct vhd_leaf *v)
{
    return (v->blocks + BAT_ENTRIES - 1) / BAT_ENTRIES;
}

/* A sector of the BAT; what stands behind the disk's entries in the last one stays. */
static int bat_sector_write(struct vhd_leaf *v, uint32_t sector)
{
    be32 held[BAT_ENTRIES];
    struct store *store = v->leaf.store;
    uint64_t at = v->bat_offset + (uint64_t)sector * SECTOR_SIZE;
    int error = store->read(store, held, sizeof held, at);
    if (error)
        return error;
    for (uint32_t i = 0; i < BAT_ENTRIES && sector * BAT_ENTRIES + i < v->blocks; i++)
        held[i] = be32_make(~*entry_of(v, sector * (uint32_t)BAT_ENTRIES + i));
    return store->write(store, held, sizeof held, at);
}

static int bat_write(struct vhd_leaf *v)
{
    int error = 0;
    for (uint32_t i = marks_next(&v->bat_dirty, 0); !error && i < v->bat_dirty.count;
         i = marks_next(&v->bat_dirty, i + 1))
        error = bat_sector_write(v, i);
    return error;
}

static void place_emptied(void *ctx, uint32_t start)
{
    struct vhd_leaf *v = ctx;
    struct store *store = v->leaf.store;
    if (store->holes) /* the space is the host's again; if not, nothing is lost */
        (void)store->zero(store, (uint64_t)v->slots.size << SECTOR_SHIFT,
                          (uint64_t)start << SECTOR_SHIFT, true);
}

/* What was pending is on the medium. */
static void flushed(struct vhd_leaf *v)
{
    meta_clean(&v->bitmaps);
    marks_clear(&v->bat_dirty);
    if (v->leaf.quiet)
        recycle_settle(&v->slots.recycle, place_emptied, v);
}

static int vhd_flush(struct leaf *l, struct fail *f)
{
    struct vhd_leaf *v = (struct vhd_leaf *)l;
    bool tables = v->bat_dirty.any || v->bitmaps.dirty;
    int error = store_sync(l->store);
    if (!error && tables)
        error = bitmaps_write(v);
    if (!error && tables)
        error = bat_write(v);
    if (!error && tables)
        error = store_sync(l->store);
    if (!error)
        flushed(v);
    return store_fail(f, error, "what was written could not be made lasting", 0);
}

static bool vhd_pending(const struct leaf *l)
{
    const struct vhd_leaf *v = (const struct vhd_leaf *)l;
    return v->bat_dirty.any || v->bitmaps.dirty;
}

static int vhd_finish(struct leaf *l, struct fail *f)
{
    struct vhd_leaf *v = (struct vhd_leaf *)l;
    uint64_t end = v->structures_end;
    for (uint32_t block = 0; v->slots.grew && block < v->blocks; block++) {
        uint64_t block_end = ((uint64_t) ~*entry_of(v, block) + v->slots.size) << SECTOR_SHIFT;
        if (*entry_of(v, block) && block_end > end)
            end = block_end;
    }
    return slots_trim(&v->slots, end, f);
}

static void vhd_free(struct leaf *l)
{
    struct vhd_leaf *v = (struct vhd_leaf *)l;
    table_close(&v->bat);
    marks_close(&v->bat_dirty);
    table_close(&v->sound);
    meta_close(&v->bitmaps);
    slots_close(&v->slots);
    free(v);
}

static bool vhd_room(const struct leaf *l, uint64_t *left)
{
    const struct vhd_leaf *v = (const struct vhd_leaf *)l;
    uint64_t slots = slots_left(&v->slots), absent = 0;
    const uint32_t *bat = v->bat.base;
    for (uint32_t i = 0; i < v->blocks && absent <= slots; i++)
        absent += !bat[i];
    *left = slots << (l->block_shift + SECTOR_SHIFT);
    return absent > slots && !l->store->grows;
}

static const struct leaf_ops vhd_ops = {vhd_find,    vhd_place,  vhd_written, vhd_erase, vhd_flush,
                                        vhd_pending, vhd_finish, vhd_free,    vhd_room};

/* --- A fixed disk has no tables */

static int fixed_find(struct leaf *l, uint64_t lba, uint64_t count, struct leaf_run *run,
                      struct fail *f)
{
    (void)count, (void)f;
    *run = (struct leaf_run){
        .state = IMAGE_DATA, .count = l->sectors - lba, .offset = lba << SECTOR_SHIFT};
    return 0;
}

static int fixed_place(struct leaf *l, uint64_t lba, uint64_t *count, uint64_t *offset,
                       struct fail *f)
{
    (void)l, (void)count, (void)f;
    *offset = lba << SECTOR_SHIFT;
    return 0;
}

static int fixed_written(struct leaf *l, uint64_t lba, uint64_t count, struct fail *f)
{
    (void)l, (void)lba, (void)count, (void)f;
    return 0;
}

static int fixed_erase(struct leaf *l, uint64_t lba, uint64_t count, uint64_t *done, struct fail *f)
{
    (void)l, (void)lba, (void)count, (void)f;
    *done = 0;
    return 0;
}

static int fixed_flush(struct leaf *l, struct fail *f)
{
    return store_fail(f, store_sync(l->store), "what was written could not be made lasting", 0);
}

static bool fixed_pending(const struct leaf *l)
{
    (void)l;
    return false;
}

static int fixed_finish(struct leaf *l, struct fail *f)
{
    (void)l, (void)f;
    return 0;
}

static void fixed_free(struct leaf *l)
{
    free(l);
}

static bool fixed_room(const struct leaf *l, uint64_t *left)
{
    (void)l;
    *left = 0;
    return false;
}

static const struct leaf_ops fixed_ops = {fixed_find,   fixed_place, fixed_written,
                                          fixed_erase,  fixed_flush, fixed_pending,
                                          fixed_finish, fixed_free,  fixed_room};

/* --- Opening */

static int bat_load(struct vhd_leaf *v, struct image *image, struct fail *f)
{
    for (uint32_t block = 0; block < v->blocks; block++) {
        uint32_t entry;
        if (vhd_bat_get(image, block, &entry, f))
            return EIO;
        if (entry != VHD_BAT_ABSENT)
            *entry_of(v, block) = ~entry;
    }
    return 0;
}

static int vhd_load(struct vhd_leaf *v, struct image *image, struct fail *f)
{
    const struct vhd_disk *disk = image->ctx;
    struct image_slack slack;
    v->leaf.ops = &vhd_ops;
    v->differencing = image->kind == IMAGE_DIFFERENCING;
    v->leaf.block_shift = disk->block_shift;
    v->bitmap_sectors = disk->bitmap_sectors;
    v->blocks = disk->blocks;
    v->bat_offset = disk->bat_offset;
    v->structures_end = disk->structures_end;
    if (v->blocks > BLOCKS_MAX)
        return store_refuse(f, EFBIG, "the VHD has %u blocks: too many to be written", v->blocks);
    if (vhd_slack_find(image, &slack, f))
        return EIO;
    if (!table_open(&v->bat, (uint64_t)v->blocks * sizeof(uint32_t)) ||
        !marks_open(&v->bat_dirty, bat_sectors(v)) || !table_open(&v->sound, v->blocks / 8 + 1) ||
        !meta_open(&v->bitmaps, v->leaf.store, SECTOR_SHIFT, BITMAP_UNITS))
        return store_fail(f, ENOMEM, "no memory for the tables of a VHD of %u blocks", v->blocks);
    int error = slots_open(&v->slots, v->leaf.store, &slack, f);
    return error ? error : bat_load(v, image, f);
}

struct leaf *leaf_vhd(struct image *image, struct store *store, struct fail *f)
{
    struct vhd_leaf *v = calloc(1, sizeof *v);
    if (!v) {
        (void)fail(f, ERR_MEMORY, "out of memory", 0);
        return NULL;
    }
    v->leaf = (struct leaf){.store = store, .sectors = image->sectors, .ops = &fixed_ops};
    if (image->kind == IMAGE_FIXED)
        return &v->leaf;
    if (vhd_load(v, image, f)) {
        (void)fail_subject(f, image->file->path);
        vhd_free(&v->leaf);
        return NULL;
    }
    return &v->leaf;
}
