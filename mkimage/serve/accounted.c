/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goes through all records of $MFT, as a check of the volume does: a volume that calls itself clean
 * may have a bitmap that is not right all the same, and what is thrown away by it is lost.
 */
#include "serve/accounted.h"
#include <stdlib.h>
#include <string.h>
#include "core/base/arena.h"
#include "core/base/bits.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/ntfs/format.h"
#include "core/ntfs/mft.h"
#include "core/ntfs/runlist.h"
#include "core/ntfs/sectors.h"

#define PAGE           4096u

/* Where volsnap keeps the way to its catalog: in $Boot, behind the boot program. */
#define SHADOW_SECTOR  15u
#define SHADOW_CATALOG 48u
static const uint8_t shadow_id[16] = {0x6b, 0x87, 0x08, 0x38, 0x76, 0xc1, 0x48, 0x4e,
                                      0xb7, 0xae, 0x04, 0x04, 0x6e, 0x6c, 0xc7, 0x52};

struct account {
    struct ntfs *vol;
    struct file *bitmap;
    uint64_t page; /* of the bitmap, in `bits`; UINT64_MAX: none */
    uint8_t bits[PAGE];
    uint8_t record[NTFS_RECORD_MAX];
};

static enum err shadows_check(struct ntfs *vol, struct fail *f)
{
    uint8_t sector[SECTOR_SIZE];
    enum err err = blk_read(vol->drive, vol->start_lba + SHADOW_SECTOR, 1, sector, f);
    if (err || memcmp(sector, shadow_id, sizeof shadow_id) ||
        bytes_are(sector + SHADOW_CATALOG, sizeof(le64), 0))
        return err;
    return fail(f, ERR_UNSUPPORTED,
                "has shadow copies (restore points), which need what was deleted since", 0);
}

/* Are all of these clusters counted? Those that the bitmap has no bit for are never given away. */
static enum err run_check(struct account *a, uint64_t lcn, uint64_t count, uint64_t record,
                          struct fail *f)
{
    while (count && lcn >> 3 < a->bitmap->size) { /* ends: count shrinks */
        uint64_t page = (lcn >> 3) / PAGE;
        uint64_t left = a->bitmap->size - page * PAGE;
        if (page != a->page) {
            a->page = UINT64_MAX;
            enum err err =
                file_read(a->bitmap, page * PAGE, a->bits, left < PAGE ? (uint32_t)left : PAGE, f);
            if (err)
                return err;
            a->page = page;
        }
        uint32_t bit = (uint32_t)(lcn % (8 * PAGE)),
                 end = left < PAGE ? (uint32_t)left * 8 : 8 * PAGE;
        uint32_t alike = bits_alike(a->bits, bit, end, BITS_LSB_FIRST);
        if (!bit_get(a->bits, bit, BITS_LSB_FIRST))
            return fail(f, ERR_CORRUPT,
                        "calls clusters free that file number %u has: let Windows check it",
                        record);
        uint64_t n = alike < count ? alike : count;
        lcn += n;
        count -= n;
    }
    return ERR_OK;
}

/* One piece of an attribute. */
static enum err attr_check(struct account *a, const struct ntfs_attr_nonresident *n,
                           uint64_t record, struct fail *f)
{
    struct ntfs_runs runs = {0};
    uint32_t offset = le16_get(n->pairs_offset);
    struct view pairs = {(const uint8_t *)n + offset, le32_get(n->head.length) - offset};
    struct ntfs_run_limits limits = ntfs_run_limits(a->vol);
    size_t mark = arena_mark(a->vol->arena);
    enum err err =
        ntfs_runs_decode(&runs, a->vol->arena, pairs,
                         le64_get(n->highest_vcn) + 1 - le64_get(n->lowest_vcn), &limits, f);
    for (uint32_t i = 0; !err && i < runs.count; i++) {
        if (runs.run[i].lcn != NTFS_HOLE)
            err = run_check(a, runs.run[i].lcn, ntfs_run_length(&runs, i), record, f);
    }
    arena_release(a->vol->arena, mark);
    return err;
}

/* A record that was checked: its attributes lie inside of it. */
static enum err record_check(struct account *a, uint64_t number, struct fail *f)
{
    const struct ntfs_record_header *head = (const struct ntfs_record_header *)a->record;
    uint32_t at = le16_get(head->attributes_offset);
    for (;;) { /* ends: the check before saw an end mark, and no length of 0 */
        const struct ntfs_attr_header *attr = (const struct ntfs_attr_header *)(a->record + at);
        if (le32_get(attr->type) == NTFS_ATTR_END)
            return ERR_OK;
        if (attr->nonresident) {
            enum err err = attr_check(a, (const struct ntfs_attr_nonresident *)attr, number, f);
            if (err)
                return err;
        }
        at += le32_get(attr->length);
    }
}

/* All records that are in use; one that was never written has no magic. */
static enum err records_check(struct account *a, struct fail *f)
{
    const struct ntfs_attr *mft = &a->vol->mft->data;
    const struct ntfs_record_header *head = (const struct ntfs_record_header *)a->record;
    uint32_t size = a->vol->record_size;
    uint64_t count = mft->initialized >> a->vol->mft->record_shift;
    for (uint64_t i = 0; i < count; i++) {
        enum err err =
            ntfs_attr_read(a->vol, mft, i << a->vol->mft->record_shift, a->record, size, f);
        if (err)
            return err;
        bool written = !bytes_are(a->record, sizeof(le32), 0);
        bool free = !memcmp(a->record, "FILE", 4) && !(le16_get(head->flags) & NTFS_RECORD_IN_USE);
        if (!written || free)
            continue;
        err = ntfs_mft_read(a->vol, i, a->record, f);
        if (!err)
            err = record_check(a, i, f);
        if (err)
            return err;
    }
    return ERR_OK;
}

enum err accounted_check(struct ntfs *vol, struct file *bitmap, struct fail *f)
{
    struct extent_list list;
    size_t mark = arena_mark(vol->arena);
    enum err err = shadows_check(vol, f);
    if (!err)
        err = file_extents(bitmap, &list, vol->arena, f);
    if (!err && file_writable_in_place(bitmap, &list, f)) /* the rest would read as free clusters */
        err = fail(f, ERR_CORRUPT, "has a bitmap that was never wholly written", 0);
    arena_release(vol->arena, mark);
    struct account *a = err ? NULL : malloc(sizeof *a);
    if (!err && !a)
        err = fail(f, ERR_MEMORY, "no memory to check it", 0);
    if (!err) {
        a->vol = vol;
        a->bitmap = bitmap;
        a->page = UINT64_MAX;
        err = records_check(a, f);
    }
    free(a);
    return err;
}
