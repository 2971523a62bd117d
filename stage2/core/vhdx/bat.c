/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block table: which sectors of the disk the file stores, and where. The table is read through
 * a window of 63.5 KiB and `run` joins blocks as far as the window goes, so that a disk of 64 TiB
 * takes a few hundred calls. Every entry is checked when it is used.
 */
#include "core/vhdx/bat.h"
#include <stdbool.h>
#include "core/base/arena.h"
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/base/growth.h"
#include "core/base/image.h"
#include "core/vhdx/format.h"
#include "core/vhdx/pages.h"
#include "core/vhdx/state.h"

#define ENTRY_SHIFT     3
#define BAT_PIECE       (127u * SECTOR_SIZE) /* what a BIOS reads in one call */
#define BITS_SECTORS    (VHDX_BITS_SIZE * 8)
#define BITMAP_SIZE     ((uint64_t)1 << VHDX_MIB_SHIFT)
#define SECTORS_A_PAGE  (VHDX_PAGE_SIZE / SECTOR_SIZE)
#define OPEN_CHECK_BAT  (4u << 20) /* tables up to this size, in files up to that one, are */
#define OPEN_CHECK_FILE ((uint64_t)4 << 40) /* checked as a whole when the image is opened */

enum kind { BLOCK_BAD, BLOCK_ABSENT, BLOCK_ZERO, BLOCK_FULL, BLOCK_PARTIAL };

static const uint8_t kind_of[VHDX_STATE_MASK + 1] = {
    [VHDX_NOT_PRESENT] = BLOCK_ABSENT,
    [VHDX_UNDEFINED] = BLOCK_ZERO,
    [VHDX_ZERO] = BLOCK_ZERO,
    [VHDX_UNMAPPED] = BLOCK_ZERO,
    [VHDX_UNMAPPED_DRAFT] = BLOCK_ZERO,
    [VHDX_FULLY_PRESENT] = BLOCK_FULL,
    [VHDX_PARTIALLY_PRESENT] = BLOCK_PARTIAL,
};

struct block {
    enum kind kind;
    uint64_t offset; /* in the file; full and partial */
};

/*
 * 64 TiB in blocks of 1 MiB are 2^26 blocks: block numbers, indices in the BAT and offsets in it
 * all fit into 32 bits, which a 32-bit loader is glad of.
 */
static_assert(BAT_PIECE <= VHDX_WINDOW_SIZE, "a piece of the BAT");
static_assert(VHDX_DISK_SIZE_MAX / VHDX_BLOCK_SIZE_MIN * 9 <= UINT32_MAX, "offsets in the BAT");

static uint32_t entry_index(const struct vhdx *v, uint32_t number)
{
    return number + (number >> v->ratio_shift);
}

/* Entry `index` lies in the window already. */
static bool window_holds(const struct vhdx *v, uint32_t index)
{
    uint32_t at = index << ENTRY_SHIFT;
    return v->window_at != VHDX_NONE && at >= v->window_at && at - v->window_at < BAT_PIECE;
}

static const le64 *window_entry(const struct vhdx *v, uint32_t index)
{
    return (const le64 *)(v->window + ((index << ENTRY_SHIFT) - v->window_at));
}

enum err vhdx_bat_entry(struct vhdx *v, uint32_t index, uint64_t *entry, struct fail *f)
{
    if (!window_holds(v, index)) {
        uint32_t start = index << ENTRY_SHIFT & ~(SECTOR_SIZE - 1);
        if (start > v->bat_length - BAT_PIECE) /* its length is a multiple of 1 MiB */
            start = v->bat_length - BAT_PIECE;
        v->window_at = VHDX_NONE;
        enum err err = vhdx_read(v, v->bat_offset + start, v->window, BAT_PIECE, f);
        if (err)
            return err;
        v->window_at = start;
    }
    *entry = le64_get(*window_entry(v, index));
    return ERR_OK;
}

/* Bytes of a block that the disk needs. The format wants all blocks whole; old QEMUs stored only so
 * much of the last one. */
static uint64_t block_length(const struct vhdx *v, uint32_t number)
{
    return number + 1 == v->block_count ? v->last_length : (uint64_t)1 << v->block_shift;
}

static enum err block_get(struct vhdx *v, uint32_t number, struct block *b, struct fail *f)
{
    uint64_t entry;
    enum err err = vhdx_bat_entry(v, entry_index(v, number), &entry, f);
    if (err)
        return err;
    b->kind = kind_of[(uint32_t)entry & VHDX_STATE_MASK];
    b->offset = entry >> VHDX_MIB_SHIFT << VHDX_MIB_SHIFT;
    if (b->kind == BLOCK_ABSENT || b->kind == BLOCK_ZERO)
        return ERR_OK;
    if (b->kind == BLOCK_BAD)
        return fail(f, ERR_IMAGE, "VHDX block %u is in an unknown state", number);
    if (b->kind == BLOCK_PARTIAL && !v->has_parent)
        return fail(f, ERR_IMAGE, "VHDX block %u is partially present, but there is no parent",
                    number);
    if (!range_ok(b->offset, block_length(v, number), v->size))
        return fail(f, ERR_IMAGE, "VHDX block %u lies beyond the end of the file", number);
    if (vhdx_reserved(v, b->offset, block_length(v, number)))
        return fail(f, ERR_IMAGE, "VHDX block %u lies over the file's own tables", number);
    return ERR_OK;
}

/* Where the sector bitmap of a chunk lies; *present = false where it has none. */
static enum err bitmap_get(struct vhdx *v, uint32_t chunk, bool *present, uint64_t *offset,
                           struct fail *f)
{
    uint64_t entry;
    enum err err = vhdx_bat_entry(v, ((chunk + 1) << v->ratio_shift) + chunk, &entry, f);
    if (err)
        return err;
    *present = ((uint32_t)entry & VHDX_STATE_MASK) == VHDX_FULLY_PRESENT;
    *offset = entry >> VHDX_MIB_SHIFT << VHDX_MIB_SHIFT;
    if (!*present)
        return ERR_OK;
    if (!range_ok(*offset, BITMAP_SIZE, v->size))
        return fail(f, ERR_IMAGE, "VHDX sector bitmap %u lies beyond the end of the file", chunk);
    if (vhdx_reserved(v, *offset, BITMAP_SIZE))
        return fail(f, ERR_IMAGE, "VHDX sector bitmap %u lies over the file's own tables", chunk);
    return ERR_OK;
}

static enum err bitmap_needed(struct vhdx *v, uint32_t number, uint64_t *offset, struct fail *f)
{
    uint32_t chunk = number >> v->ratio_shift;
    if (v->bits_chunk != chunk) {
        bool present;
        enum err err = bitmap_get(v, chunk, &present, &v->bits_start, f);
        v->bits_chunk = VHDX_NONE;
        if (err)
            return err;
        if (!present)
            return fail(f, ERR_IMAGE,
                        "VHDX block %u is partially present, but has no sector bitmap", number);
        v->bits_chunk = chunk;
    }
    *offset = v->bits_start;
    return ERR_OK;
}

/* Sectors from `in` on in a partially present block that are all here or all the parent's. */
static enum err partial_run(struct vhdx *v, uint32_t number, uint32_t in, bool *here,
                            uint32_t *count, struct fail *f)
{
    uint64_t start;
    enum err err = bitmap_needed(v, number, &start, f);
    if (err)
        return err;
    unsigned sectors_shift = v->block_shift - SECTOR_SHIFT;
    uint32_t in_chunk = number & ((1u << v->ratio_shift) - 1);
    uint32_t bit = (in_chunk << sectors_shift) + in; /* below 2^23 */
    uint32_t first = bit & ~(BITS_SECTORS - 1);
    uint32_t limit = (in_chunk + 1) << sectors_shift;
    if (limit - first > BITS_SECTORS)
        limit = first + BITS_SECTORS;

    uint64_t at = start + (first >> 3);
    if (v->bits_at != at) {
        v->bits_at = UINT64_MAX;
        err = vhdx_read(v, at, v->bits, VHDX_BITS_SIZE, f);
        if (err)
            return err;
        v->bits_at = at;
    }
    bit -= first;
    *here = bit_get(v->bits, bit, BITS_LSB_FIRST);
    *count = bits_alike(v->bits, bit, limit - first, BITS_LSB_FIRST);
    return ERR_OK;
}

/* Whole blocks from `number` on that make one run with it; stays inside the window. */
static uint32_t blocks_alike(struct vhdx *v, uint32_t number, const struct block *first,
                             struct fail *f)
{
    uint32_t next = number + 1;
    for (; next < v->block_count; next++) { /* ends: with the window at the latest */
        uint32_t index = entry_index(v, next);
        if (!window_holds(v, index) ||
            kind_of[window_entry(v, index)->b[0] & VHDX_STATE_MASK] != first->kind)
            break;
        if (first->kind != BLOCK_FULL)
            continue;
        struct block b;
        if (block_get(v, next, &b, f)) /* what is wrong with it is told when its turn comes */
            break;
        if (b.offset != first->offset + ((uint64_t)(next - number) << v->block_shift))
            break;
    }
    return next - number;
}

/*
 * A data run can be stored elsewhere than in the file: in the log, which is then laid over the
 * block, or nowhere yet, where the log has still to make the file longer. Zeros are given as zeros;
 * a log that holds contents of the disk is refused, for a block map cannot point into it.
 */
static enum err data_trim(const struct vhdx *v, struct image_run *run, struct fail *f)
{
    uint64_t stored = v->file->size >> SECTOR_SHIFT;
    if (run->file_sector >= stored) {
        run->state = IMAGE_ZERO;
        run->in_place = false;
        return ERR_OK;
    }
    if (run->count > stored - run->file_sector)
        run->count = stored - run->file_sector;

    const struct vhdx_page *page =
        vhdx_page_find(v, run->file_sector >> (VHDX_PAGE_SHIFT - SECTOR_SHIFT));
    if (!page)
        return ERR_OK;
    uint64_t start = page->number << (VHDX_PAGE_SHIFT - SECTOR_SHIFT);
    if (start > run->file_sector) {
        if (run->count > start - run->file_sector)
            run->count = start - run->file_sector;
        return ERR_OK;
    }
    if (page->data)
        return fail(f, ERR_UNSUPPORTED,
                    "the VHDX log holds contents of the disk, for sector %u of the file; open the "
                    "image once where it can be repaired",
                    run->file_sector);
    run->state = IMAGE_ZERO;
    if (run->count > start + SECTORS_A_PAGE - run->file_sector)
        run->count = start + SECTORS_A_PAGE - run->file_sector;
    return ERR_OK;
}

static enum err run_at(struct vhdx *v, uint64_t lba, struct image_run *run, struct fail *f)
{
    unsigned sectors_shift = v->block_shift - SECTOR_SHIFT;
    uint32_t number = (uint32_t)(lba >> sectors_shift);
    uint32_t in = (uint32_t)lba & ((1u << sectors_shift) - 1);
    struct block b;
    enum err err = block_get(v, number, &b, f);
    if (err)
        return err;

    if (b.kind == BLOCK_PARTIAL) {
        bool here;
        uint32_t count;
        err = partial_run(v, number, in, &here, &count, f);
        if (err)
            return err;
        run->state = here ? IMAGE_DATA : IMAGE_ABSENT;
        run->count = count;
    } else {
        run->state = b.kind == BLOCK_FULL   ? IMAGE_DATA
                     : b.kind == BLOCK_ZERO ? IMAGE_ZERO
                                            : IMAGE_ABSENT;
        run->count = ((uint64_t)blocks_alike(v, number, &b, f) << sectors_shift) - in;
    }
    run->file_sector = 0;
    run->in_place = false;
    if (run->state != IMAGE_DATA)
        return ERR_OK;
    /* Of a partially present block the bits of these sectors are set already. A log that was not
     * replayed would be laid over what is written, at the next replay. */
    run->in_place = !v->log_in_use;
    run->file_sector = (b.offset >> SECTOR_SHIFT) + in;
    return data_trim(v, run, f);
}

static enum err bat_run(struct image *image, uint64_t lba, struct image_run *run, struct fail *f)
{
    struct vhdx *v = image->ctx;
    enum err err;
    if (v->sectors_4k)
        err = fail(f, ERR_UNSUPPORTED,
                   "the disk has sectors of %u bytes: a BIOS can only boot disks with 512", 4096);
    else
        err = run_at(v, lba, run, f);
    if (err)
        return fail_subject(f, image->file->path);
    if (run->count > image->sectors - lba)
        run->count = image->sectors - lba;
    return ERR_OK;
}

/* image->block */
static enum err bat_block(struct image *image, uint32_t number, struct image_block *found,
                          struct fail *f)
{
    struct vhdx *v = image->ctx;
    struct block b;
    *found = (struct image_block){0};
    enum err err = block_get(v, number, &b, f);
    if (err)
        return fail_subject(f, image->file->path);
    found->zero = b.kind == BLOCK_ZERO;
    found->present = b.kind == BLOCK_FULL || b.kind == BLOCK_PARTIAL;
    found->full = b.kind == BLOCK_FULL;
    found->data = (uint32_t)(b.offset >> SECTOR_SHIFT);
    if (b.kind != BLOCK_PARTIAL)
        return ERR_OK;
    bool here;
    uint32_t count;
    err = partial_run(v, number, 0, &here, &count, f);
    if (err)
        return fail_subject(f, image->file->path);
    found->full = here && count >= block_length(v, number) >> SECTOR_SHIFT;
    uint32_t in_chunk = number & ((1u << v->ratio_shift) - 1);
    uint32_t bit = in_chunk << (v->block_shift - SECTOR_SHIFT);
    found->bitmap = v->bits + ((bit & (BITS_SECTORS - 1)) >> 3);
    return ERR_OK;
}

/* image->bitmap */
static enum err bat_bitmap(struct image *image, uint32_t chunk, uint32_t *sector, struct fail *f)
{
    bool present;
    uint64_t offset;
    enum err err = bitmap_get(image->ctx, chunk, &present, &offset, f);
    *sector = !err && present ? (uint32_t)(offset >> SECTOR_SHIFT) : 0;
    return err ? fail_subject(f, image->file->path) : ERR_OK;
}

/* Takes [offset, offset + length) of the file for a block, as whole MiB; false: it is taken. */
static bool claim(uint8_t *claimed, uint64_t offset, uint64_t length)
{
    uint64_t end = round_up_shift(offset + length, VHDX_MIB_SHIFT) >> VHDX_MIB_SHIFT;
    for (uint64_t mib = offset >> VHDX_MIB_SHIFT; mib < end; mib++) {
        uint8_t *byte = &claimed[(size_t)(mib >> 3)];
        uint8_t bit = (uint8_t)(1u << (mib & 7));
        if (*byte & bit)
            return false;
        *byte |= bit;
    }
    return true;
}

static enum err check_blocks(struct vhdx *v, uint8_t *claimed, uint64_t *stored, struct fail *f)
{
    for (uint32_t number = 0; number < v->block_count; number++) {
        struct block b;
        uint64_t bitmap;
        enum err err = block_get(v, number, &b, f);
        if (!err && b.kind == BLOCK_PARTIAL)
            err = bitmap_needed(v, number, &bitmap, f);
        if (err)
            return err;
        if (b.kind != BLOCK_FULL && b.kind != BLOCK_PARTIAL)
            continue;
        if (!claim(claimed, b.offset, block_length(v, number)))
            return fail(f, ERR_IMAGE, "VHDX block %u lies over another block", number);
        ++*stored;
    }
    return ERR_OK;
}

static enum err check_bitmaps(struct vhdx *v, uint8_t *claimed, struct fail *f)
{
    uint32_t chunks = ((v->block_count - 1) >> v->ratio_shift) + 1;
    for (uint32_t chunk = 0; chunk < chunks; chunk++) {
        bool present;
        uint64_t offset;
        enum err err = bitmap_get(v, chunk, &present, &offset, f);
        if (err)
            return err;
        if (present && !claim(claimed, offset, BITMAP_SIZE))
            return fail(f, ERR_IMAGE, "VHDX sector bitmap %u lies over a block", chunk);
    }
    return ERR_OK;
}

static enum err bat_check(struct image *image, struct arena *a, struct fail *f)
{
    struct vhdx *v = image->ctx;
    size_t mark = arena_mark(a);
    uint64_t bytes = (v->size >> (VHDX_MIB_SHIFT + 3)) + 1;
    uint8_t *claimed = arena_alloc(a, bytes);
    uint64_t stored = 0;
    if (!claimed) {
        (void)fail(f, ERR_MEMORY, "no memory to check a VHDX's blocks: %u bytes", bytes);
        return fail_subject(f, image->file->path);
    }
    enum err err = check_blocks(v, claimed, &stored, f);
    if (!err && v->has_parent)
        err = check_bitmaps(v, claimed, f);
    arena_release(a, mark);
    image->allocated = stored << v->block_shift;
    return err ? fail_subject(f, image->file->path) : ERR_OK;
}

enum err vhdx_bat_load(struct vhdx *v, struct image *image, struct arena *a, struct fail *f)
{
    uint32_t chunks = ((v->block_count - 1) >> v->ratio_shift) + 1;
    uint64_t entries =
        v->has_parent ? chunks + (chunks << v->ratio_shift) : v->block_count + chunks - 1;
    if (v->bat_length >> ENTRY_SHIFT < entries)
        return fail(f, ERR_IMAGE, "the VHDX block table is too short for the disk's %u blocks",
                    v->block_count);
    v->window_at = v->bits_chunk = VHDX_NONE;
    v->bits_at = UINT64_MAX;
    image->run = bat_run;
    image->check = bat_check;
    image->block = bat_block;
    if (v->has_parent)
        image->bitmap = bat_bitmap;
    if (v->has_parent) {
        v->bits = arena_alloc(a, VHDX_BITS_SIZE);
        if (!v->bits)
            return fail(f, ERR_MEMORY, "no memory for a VHDX's sector bitmaps: %u bytes",
                        VHDX_BITS_SIZE);
    }
    if (entries << ENTRY_SHIFT > OPEN_CHECK_BAT || v->size > OPEN_CHECK_FILE)
        return ERR_OK;
    return bat_check(image, a, f);
}
