/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing VHDXs: what the tables say, and what a write, a zero, a trim makes of it. Changed pages
 * of the BAT and of sector bitmaps stay in memory; a flush hands them to vhdx_log.c.
 *
 *     not present, no parent   a write: fully present, the rest of the block zeros
 *     not present, parent      a write: partially present, with a bit for each sector written
 *     zero, unmapped …         a write: fully present, the rest zeros
 *     any                      whole block zeroed or trimmed: zero, its place free after the flush
 *
 * A block is called fully present before its data are there only where it read as zeros before and
 * does so still.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/growth.h"
#include "core/base/image.h"
#include "core/vhdx/slack.h"
#include "serve/leaf.h"
#include "serve/meta.h"
#include "serve/recycle.h"
#include "serve/table.h"
#include "serve/vhdx_log.h"

#define BITMAP_UNITS     (2 * META_BYTES >> VHDX_PAGE_SHIFT)
#define BITS_A_PAGE      (8 * VHDX_PAGE_SIZE)
#define ENTRIES_A_PAGE   (VHDX_PAGE_SIZE / sizeof(le64))
#define MIB              ((uint64_t)1 << VHDX_MIB_SHIFT)
#define ALIKE_LOOK       65536u /* blocks that one find() looks at */
#define SENTENCE_BLOCK   "block %u could not be written"
#define SENTENCE_LASTING "what was written could not be made lasting"

struct vhdx_leaf {
    struct leaf leaf;
    struct vhdx_layout at;
    struct table bat;       /* le64 an entry, as in the file */
    struct marks bat_dirty; /* each of its pages */
    struct meta bits;
    struct vhdx_log log;
    struct recycle recycle; /* places of blocks, in MiB */
    uint64_t next;          /* bytes: behind all that is in use, where the file does not grow */
};

static uint64_t entry_get(const struct vhdx_leaf *v, uint32_t index)
{
    return le64_get(((const le64 *)v->bat.base)[index]);
}

static void entry_set(struct vhdx_leaf *v, uint32_t index, enum vhdx_block_state state,
                      uint64_t offset)
{
    ((le64 *)v->bat.base)[index] = le64_make(offset | state);
    marks_set(&v->bat_dirty, (uint32_t)(index / ENTRIES_A_PAGE));
}

static enum vhdx_block_state state_of(uint64_t entry)
{
    return (enum vhdx_block_state)(entry & VHDX_STATE_MASK);
}

static uint64_t offset_of(uint64_t entry)
{
    return entry >> VHDX_MIB_SHIFT << VHDX_MIB_SHIFT;
}

static uint64_t block_size(const struct vhdx_leaf *v)
{
    return (uint64_t)1 << v->at.block_shift;
}

/* The page with the bit of `lba`, whose chunk has a bitmap. */
static int bits_get(struct vhdx_leaf *v, uint64_t lba, uint8_t **bits, uint32_t *bit,
                    struct fail *f)
{
    uint32_t chunk = (uint32_t)(lba >> VHDX_CHUNK_SHIFT);
    uint32_t in = (uint32_t)lba & ((1u << VHDX_CHUNK_SHIFT) - 1);
    uint64_t entry = entry_get(v, vhdx_bat_bitmap(&v->at, chunk));
    uint64_t page = (offset_of(entry) >> VHDX_PAGE_SHIFT) + in / BITS_A_PAGE;
    *bit = in % BITS_A_PAGE;
    int error = state_of(entry) == VHDX_FULLY_PRESENT ? meta_get(&v->bits, page, bits) : EIO;
    return store_fail(f, error, "sector bitmap %u could not be read", chunk);
}

static enum image_state image_state(enum vhdx_block_state state)
{
    switch (state) {
    case VHDX_NOT_PRESENT:
        return IMAGE_ABSENT;
    case VHDX_FULLY_PRESENT:
    case VHDX_PARTIALLY_PRESENT:
        return IMAGE_DATA;
    default:
        return IMAGE_ZERO;
    }
}

static int vhdx_find(struct leaf *l, uint64_t lba, uint64_t count, struct leaf_run *run,
                     struct fail *f)
{
    struct vhdx_leaf *v = (struct vhdx_leaf *)l;
    uint32_t block = leaf_block(l, lba);
    uint64_t entry = entry_get(v, vhdx_bat_block(&v->at, block));
    *run =
        (struct leaf_run){.state = image_state(state_of(entry)), .count = leaf_block_left(l, lba)};
    if (run->state != IMAGE_DATA) {
        uint32_t next = block + 1;
        while (next < v->at.block_count && next - block < ALIKE_LOOK &&
               leaf_left(l, lba, next - 1) < count &&
               image_state(state_of(entry_get(v, vhdx_bat_block(&v->at, next)))) == run->state)
            next++;
        run->count = leaf_left(l, lba, next - 1);
        return 0;
    }
    run->offset = offset_of(entry) + (leaf_in_block(l, lba) << SECTOR_SHIFT);
    if (state_of(entry) == VHDX_FULLY_PRESENT)
        return 0;
    uint8_t *bits;
    uint32_t bit;
    int error = bits_get(v, lba, &bits, &bit, f);
    if (error)
        return error;
    leaf_run_by_bits(run, bits, bit, BITS_A_PAGE, BITS_LSB_FIRST);
    return 0;
}

/* Room for a block or a bitmap, that reads as zeros where `zero` asks for it. */
static int space_new(struct vhdx_leaf *v, uint64_t size, bool zero, uint64_t *offset,
                     struct fail *f)
{
    struct store *store = v->leaf.store;
    uint32_t place;
    bool recycled = size == block_size(v) && recycle_take(&v->recycle, &place);
    int error = 0;
    if (recycled) {
        *offset = (uint64_t)place << VHDX_MIB_SHIFT;
    } else if (store->grows) {
        *offset = round_up_shift(store->size, VHDX_MIB_SHIFT);
        error = store->resize(store, *offset + size);
        return store_fail(f, error, "the file cannot have %u bytes", *offset + size);
    } else {
        *offset = v->next;
        if (!range_ok(*offset, size, store->size))
            return store_refuse(f, ENOSPC, "no room is left inside the VHDX file of %u bytes",
                                store->size);
        v->next += size;
    }
    if (zero)
        error = store->zero(store, size, *offset, true);
    if (error && recycled)
        recycle_return(&v->recycle, place);
    return store_fail(f, error, "byte %u of the file could not be written", *offset);
}

static int vhdx_flush(struct leaf *l, struct fail *f);

/* Sets or clears bits; the caller has asked for room. */
static int bits_put(struct vhdx_leaf *v, uint64_t lba, uint64_t count, bool set, struct fail *f)
{
    while (count) { /* ends: count shrinks */
        uint8_t *bits;
        uint32_t bit;
        int error = bits_get(v, lba, &bits, &bit, f);
        if (error)
            return error;
        uint32_t n = BITS_A_PAGE - bit < count ? BITS_A_PAGE - bit : (uint32_t)count;
        if (leaf_bits_put(bits, bit, bit + n, set, BITS_LSB_FIRST))
            meta_dirty(&v->bits, bits);
        lba += n;
        count -= n;
    }
    return 0;
}

static int bits_room(struct vhdx_leaf *v, struct fail *f)
{
    uint32_t pages = (uint32_t)(((uint64_t)1 << v->leaf.block_shift) / BITS_A_PAGE) + 2;
    return meta_room(&v->bits, pages) ? 0 : vhdx_flush(&v->leaf, f);
}

/* A block over the parent's content: partially present, no bit set yet. */
static int block_over_parent(struct vhdx_leaf *v, uint32_t block, struct fail *f)
{
    uint32_t bitmap = vhdx_bat_bitmap(&v->at, block >> v->at.ratio_shift);
    uint64_t offset;
    int error = bits_room(v, f);
    if (!error && state_of(entry_get(v, bitmap)) != VHDX_FULLY_PRESENT) {
        error = space_new(v, MIB, true, &offset, f);
        if (!error)
            entry_set(v, bitmap, VHDX_FULLY_PRESENT, offset);
    }
    uint64_t lba = (uint64_t)block << v->leaf.block_shift;
    if (!error)
        error = bits_put(v, lba, (uint64_t)1 << v->leaf.block_shift, false, f);
    if (!error)
        error = space_new(v, block_size(v), false, &offset, f);
    if (!error)
        entry_set(v, vhdx_bat_block(&v->at, block), VHDX_PARTIALLY_PRESENT, offset);
    return error;
}

static int vhdx_place(struct leaf *l, uint64_t lba, uint64_t *count, uint64_t *offset,
                      struct fail *f)
{
    struct vhdx_leaf *v = (struct vhdx_leaf *)l;
    uint32_t block = leaf_block(l, lba);
    uint32_t index = vhdx_bat_block(&v->at, block);
    enum vhdx_block_state state = state_of(entry_get(v, index));
    int error = vhdx_log_begin(&v->log);
    if (error)
        return store_fail(f, error, "the VHDX header could not be written", 0);
    if (state == VHDX_NOT_PRESENT && v->at.has_parent) {
        error = block_over_parent(v, block, f);
    } else if (state != VHDX_FULLY_PRESENT && state != VHDX_PARTIALLY_PRESENT) {
        uint64_t at;
        error = space_new(v, block_size(v), true, &at, f);
        if (!error)
            entry_set(v, index, VHDX_FULLY_PRESENT, at);
    }
    if (error)
        return error;
    if (*count > leaf_block_left(l, lba))
        *count = leaf_block_left(l, lba);
    *offset = offset_of(entry_get(v, index)) + (leaf_in_block(l, lba) << SECTOR_SHIFT);
    return 0;
}

static int vhdx_written(struct leaf *l, uint64_t lba, uint64_t count, struct fail *f)
{
    struct vhdx_leaf *v = (struct vhdx_leaf *)l;
    uint32_t index = vhdx_bat_block(&v->at, leaf_block(l, lba));
    uint64_t entry = entry_get(v, index);
    if (state_of(entry) != VHDX_PARTIALLY_PRESENT)
        return 0;
    if (leaf_covers_block(l, lba, count)) {
        entry_set(v, index, VHDX_FULLY_PRESENT, offset_of(entry));
        return 0;
    }
    int error = bits_room(v, f);
    return error ? error : bits_put(v, lba, count, true, f);
}

static int vhdx_erase(struct leaf *l, uint64_t lba, uint64_t count, uint64_t *done, struct fail *f)
{
    struct vhdx_leaf *v = (struct vhdx_leaf *)l;
    uint32_t block = leaf_block(l, lba);
    uint32_t index = vhdx_bat_block(&v->at, block);
    uint64_t entry = entry_get(v, index);
    enum image_state state = image_state(state_of(entry));
    uint64_t left = leaf_block_left(l, lba);
    *done = 0;
    if (state == IMAGE_ZERO || (state == IMAGE_ABSENT && !v->at.has_parent)) {
        *done = count < left ? count : left;
        return 0;
    }
    /* Some programs stored less than a block for the last one: nothing else goes there. */
    if (!leaf_covers_block(l, lba, count) ||
        (state == IMAGE_DATA && block + 1 == v->at.block_count))
        return 0;
    int error = vhdx_log_begin(&v->log);
    if (error)
        return store_fail(f, error, "the VHDX header could not be written", 0);
    if (state == IMAGE_DATA &&
        !recycle_leave(&v->recycle, (uint32_t)(offset_of(entry) >> VHDX_MIB_SHIFT)))
        return 0;
    entry_set(v, index, VHDX_ZERO, 0);
    *done = left;
    return 0;
}

static void place_emptied(void *ctx, uint32_t place)
{
    struct vhdx_leaf *v = ctx;
    struct store *store = v->leaf.store;
    if (store->holes) /* the space is the host's again; if not, nothing is lost */
        (void)store->zero(store, block_size(v), (uint64_t)place << VHDX_MIB_SHIFT, true);
}

static uint32_t bat_pages(const struct vhdx_leaf *v)
{
    return (uint32_t)((vhdx_bat_entries(&v->at) + ENTRIES_A_PAGE - 1) / ENTRIES_A_PAGE);
}

/* Hands all changed pages to the log, bitmaps first: a BAT entry may rely on their clear bits. */
static int tables_write(struct vhdx_leaf *v)
{
    for (uint32_t i = meta_next_dirty(&v->bits, 0); i != META_NONE;
         i = meta_next_dirty(&v->bits, i + 1)) {
        int error = vhdx_log_add(&v->log, v->bits.unit[i].number << VHDX_PAGE_SHIFT,
                                 meta_data(&v->bits, i));
        if (error)
            return error;
    }
    for (uint32_t i = marks_next(&v->bat_dirty, 0); i < v->bat_dirty.count;
         i = marks_next(&v->bat_dirty, i + 1)) {
        uint64_t at = (uint64_t)i << VHDX_PAGE_SHIFT;
        int error = vhdx_log_add(&v->log, v->at.bat_offset + at, (uint8_t *)v->bat.base + at);
        if (error)
            return error;
    }
    return vhdx_log_commit(&v->log);
}

static int vhdx_flush(struct leaf *l, struct fail *f)
{
    struct vhdx_leaf *v = (struct vhdx_leaf *)l;
    int error = vhdx_log_sync(&v->log);
    if (!error && (v->bat_dirty.any || v->bits.dirty))
        error = tables_write(v);
    if (error)
        return store_fail(f, error, SENTENCE_LASTING, 0);
    meta_clean(&v->bits);
    marks_clear(&v->bat_dirty);
    if (l->quiet)
        recycle_settle(&v->recycle, place_emptied, v);
    return 0;
}

static bool vhdx_pending(const struct leaf *l)
{
    const struct vhdx_leaf *v = (const struct vhdx_leaf *)l;
    return v->bat_dirty.any || v->bits.dirty;
}

static int vhdx_finish(struct leaf *l, struct fail *f)
{
    struct vhdx_leaf *v = (struct vhdx_leaf *)l;
    return store_fail(f, vhdx_log_end(&v->log), "the VHDX could not be closed", 0);
}

static void vhdx_free(struct leaf *l)
{
    struct vhdx_leaf *v = (struct vhdx_leaf *)l;
    table_close(&v->bat);
    marks_close(&v->bat_dirty);
    meta_close(&v->bits);
    recycle_close(&v->recycle);
    vhdx_log_close(&v->log);
    free(v);
}

static bool vhdx_room(const struct leaf *l, uint64_t *left)
{
    struct vhdx_leaf *v = (struct vhdx_leaf *)(uintptr_t)l;
    uint64_t size = l->store->size, absent = 0;
    uint64_t places = (size > v->next ? (size - v->next) / block_size(v) : 0) +
                      v->recycle.ready_count + v->recycle.pending_count;
    for (uint32_t i = 0; i < v->at.block_count && absent <= places; i++)
        absent += image_state(state_of(entry_get(v, vhdx_bat_block(&v->at, i)))) != IMAGE_DATA;
    *left = places * block_size(v);
    return absent > places && !l->store->grows;
}

static const struct leaf_ops vhdx_ops = {vhdx_find,   vhdx_place, vhdx_written,
                                         vhdx_erase,  vhdx_flush, vhdx_pending,
                                         vhdx_finish, vhdx_free,  vhdx_room};

/* The BAT as the file has it. Pages of zeros are not written to, so they take no memory. */
static int bat_load(struct vhdx_leaf *v, struct fail *f)
{
    for (uint32_t i = 0; i < bat_pages(v); i++) {
        uint8_t page[VHDX_PAGE_SIZE];
        uint64_t at = (uint64_t)i << VHDX_PAGE_SHIFT;
        int error = v->leaf.store->read(v->leaf.store, page, sizeof page, v->at.bat_offset + at);
        if (error)
            return store_fail(f, error, "byte %u of the file could not be read",
                              v->at.bat_offset + at);
        if (!bytes_are(page, sizeof page, 0))
            memcpy((uint8_t *)v->bat.base + at, page, sizeof page);
    }
    return 0;
}

/* Where the last thing ends that the file holds, as the loader sees it: both must spare the same.
 */
static int used_end(struct vhdx_leaf *v, struct image *image, struct fail *f)
{
    struct image_slack slack = {.end = v->leaf.store->size};
    if (!v->leaf.store->grows && vhdx_slack_find(image, &slack, f))
        return EIO;
    v->next = slack.end;
    return 0;
}

struct leaf *leaf_vhdx(struct image *image, struct store *store, struct fail *f)
{
    struct vhdx_leaf *v = calloc(1, sizeof *v);
    if (!v) {
        (void)fail(f, ERR_MEMORY, "out of memory", 0);
        return NULL;
    }
    v->leaf = (struct leaf){.store = store, .sectors = image->sectors, .ops = &vhdx_ops};
    vhdx_layout(image, &v->at);
    v->leaf.block_shift = v->at.block_shift - SECTOR_SHIFT;
    int error = 0;
    if (v->at.sectors_4k)
        error =
            store_fail(f, EINVAL, "the disk has sectors of %u bytes: only 512 are written", 4096);
    else if (!table_open(&v->bat, (uint64_t)bat_pages(v) << VHDX_PAGE_SHIFT) ||
             !marks_open(&v->bat_dirty, bat_pages(v)) ||
             !meta_open(&v->bits, store, VHDX_PAGE_SHIFT, BITMAP_UNITS) ||
             !recycle_open(&v->recycle))
        error = store_fail(f, ENOMEM, "no memory for the tables of a VHDX of %u blocks",
                           v->at.block_count);
    if (!error)
        error = vhdx_log_open(&v->log, store, &v->at, f);
    if (!error)
        error = bat_load(v, f);
    if (!error)
        error = used_end(v, image, f);
    if (!error)
        return &v->leaf;
    (void)fail_subject(f, image->file->path);
    vhdx_free(&v->leaf);
    return NULL;
}
