/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A folder's index written from its sorted names, level by level: blocks with as many as fit, but
 * for room for one more, and between two of them a name of the level above. The root has one entry,
 * which leads to the topmost block, as Windows makes it: so it never needs more room in the record.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "ntfs/index.h"
#include "ntfs/libntfs.h"

enum {
    ROOT_HEAD = offsetof(INDEX_ROOT, index),
    /* of one with the longest name, and with a block below it */
    ENTRY_MAX = sizeof(INDEX_ENTRY_HEADER) + sizeof(FILE_NAME_ATTR) +
                NTFS_MAX_NAME_LEN * sizeof(ntfschar) + sizeof(VCN) + 8,
    END_MAX = sizeof(INDEX_ENTRY_HEADER) + sizeof(VCN),
};

#define NO_BLOCK UINT64_MAX

/* A name, and the block with those before it. */
struct item {
    const INDEX_ENTRY *entry;
    uint64_t below;
};

struct writer {
    ntfs_volume *ntfs;
    uint32_t block_size;
    struct item *item; /* of the level that is written; those of the next take their place */
    size_t count, capacity;
    uint8_t *blocks;
    uint64_t block_count, block_capacity;
};

static size_t entry_size(const struct item *i)
{
    size_t size = le16_to_cpu(i->entry->length);
    return size - (i->entry->ie_flags & INDEX_ENTRY_NODE ? sizeof(VCN) : 0) +
           (i->below == NO_BLOCK ? 0 : sizeof(VCN));
}

static bool add_item(void *ctx, const void *entry)
{
    struct writer *w = ctx;
    if (w->count == w->capacity) {
        size_t capacity = w->capacity ? 2 * w->capacity : 256;
        struct item *more = realloc(w->item, capacity * sizeof *more);
        if (!more)
            return false;
        w->item = more;
        w->capacity = capacity;
    }
    w->item[w->count++] = (struct item){entry, NO_BLOCK};
    return true;
}

static ntfs_volume *sorted_by; /* qsort has no argument for it */

static int compare(const void *a, const void *b)
{
    return index_compare(sorted_by, ((const struct item *)a)->entry,
                         ((const struct item *)b)->entry);
}

/* What a change left that was cut off: some names twice. */
static void sort(struct writer *w)
{
    size_t kept = 0;
    sorted_by = w->ntfs;
    if (w->count)
        qsort(w->item, w->count, sizeof w->item[0], compare);
    for (size_t i = 0; i < w->count; i++) {
        if (!kept || compare(&w->item[kept - 1], &w->item[i]) != 0)
            w->item[kept++] = w->item[i];
    }
    w->count = kept;
}

/* What stands for a block in the entry above it. */
static leVCN number_of(const struct writer *w, uint64_t block)
{
    uint32_t unit = w->block_size < w->ntfs->cluster_size ? NTFS_BLOCK_SIZE : w->ntfs->cluster_size;
    return cpu_to_sle64((s64)(block * w->block_size / unit));
}

/* Puts an entry to `to`: its size. `item` NULL, or without an entry: the end of a node. */
static size_t put_entry(const struct writer *w, uint8_t *to, const struct item *item)
{
    INDEX_ENTRY *e = (INDEX_ENTRY *)to;
    size_t below = item->below == NO_BLOCK ? 0 : sizeof(VCN);
    size_t size = sizeof(INDEX_ENTRY_HEADER) + below;
    if (item->entry) {
        size = entry_size(item);
        memcpy(e, item->entry, size - below);
    }
    e->length = cpu_to_le16((u16)size);
    e->ie_flags = (item->entry ? const_cpu_to_le16(0) : INDEX_ENTRY_END) |
                  (below ? INDEX_ENTRY_NODE : const_cpu_to_le16(0));
    leVCN number = number_of(w, item->below);
    memcpy(to + size - below, &number, below);
    return size;
}

/* The entries of a node behind its header, from item `first` on; `last_below` leads on behind them.
 */
static void put_entries(const struct writer *w, INDEX_HEADER *head, size_t at, size_t first,
                        size_t count, uint64_t last_below)
{
    const struct item end = {NULL, last_below};
    head->entries_offset = cpu_to_le32((u32)at);
    head->ih_flags = last_below == NO_BLOCK ? LEAF_NODE : INDEX_NODE;
    for (size_t i = 0; i <= count; i++)
        at += put_entry(w, (uint8_t *)head + at, i < count ? &w->item[first + i] : &end);
    head->index_length = cpu_to_le32((u32)at);
}

/* Offset of the first entry from a block's header: behind the update sequence. */
static size_t entries_at(const struct writer *w)
{
    return (sizeof(INDEX_HEADER) + (w->block_size / NTFS_BLOCK_SIZE + 1) * 2 + 7) & ~(size_t)7;
}

static size_t room_of(const struct writer *w)
{
    return w->block_size - offsetof(INDEX_BLOCK, index) - entries_at(w) - END_MAX;
}

/* One more block, with these items. */
static bool add_block(struct writer *w, size_t first, size_t count, uint64_t last_below)
{
    if (w->block_count == w->block_capacity) {
        uint64_t capacity = w->block_capacity ? 2 * w->block_capacity : 16;
        uint8_t *more = realloc(w->blocks, (size_t)capacity * w->block_size);
        if (!more)
            return false;
        w->blocks = more;
        w->block_capacity = capacity;
    }
    uint8_t *bytes = w->blocks + w->block_count * w->block_size;
    INDEX_BLOCK *block = memset(bytes, 0, w->block_size);
    uint32_t sectors = w->block_size / NTFS_BLOCK_SIZE;
    block->magic = magic_INDX;
    block->usa_ofs = const_cpu_to_le16(sizeof(INDEX_BLOCK));
    block->usa_count = cpu_to_le16((u16)(sectors + 1));
    block->index_block_vcn = number_of(w, w->block_count);
    block->index.allocated_size = cpu_to_le32(w->block_size - offsetof(INDEX_BLOCK, index));
    put_entries(w, &block->index, entries_at(w), first, count, last_below);
    w->block_count++;
    return true;
}

/* How many items from `first` on get into one block; what is left is nothing, or a name for the
 * level above and at least one behind it. */
static size_t fitting(const struct writer *w, size_t first)
{
    size_t used = 0, count = 0, room = room_of(w);
    while (first + count < w->count &&
           used + entry_size(&w->item[first + count]) + ENTRY_MAX <= room)
        used += entry_size(&w->item[first + count++]);
    return first + count + 1 == w->count ? count + 1 : count;
}

/* All blocks of a level. The names between them are the items of the next one, and *last_below the
 * block behind its last name. */
static bool put_level(struct writer *w, uint64_t *last_below)
{
    size_t above = 0, first = 0;
    while (first <= w->count) { /* ends: each block takes an item, or all that are left */
        size_t count = fitting(w, first), end = first + count;
        uint64_t below = end < w->count ? w->item[end].below : *last_below;
        if (!add_block(w, first, count, below))
            return false;
        if (end < w->count)
            w->item[above++] = (struct item){w->item[end].entry, w->block_count - 1};
        first = end + 1;
    }
    w->count = above;
    *last_below = w->block_count - 1;
    return true;
}

/* All levels; the topmost block is the last one. */
static bool build(struct writer *w)
{
    uint64_t last_below = NO_BLOCK;
    do {
        if (!put_level(w, &last_below))
            return false;
    } while (w->count);
    return true;
}

/* Takes the attribute from the folder's record, and from those in which it goes on; its clusters
 * stay as they are. */
static bool take_off(ntfs_inode *folder, ATTR_TYPES type)
{
    ntfs_attr_search_ctx *ctx = ntfs_attr_get_search_ctx(folder, NULL);
    bool ok = ctx;
    while (ok && !ntfs_attr_lookup(type, NTFS_INDEX_I30, INDEX_NAME_UNITS, CASE_SENSITIVE, 0, NULL,
                                   0, ctx)) { /* ends: each time there is one less */
        ok = !ntfs_attr_record_rm(ctx);
        ntfs_attr_reinit_search_ctx(ctx);
    }
    ok = ok && errno == ENOENT;
    if (ctx)
        ntfs_attr_put_search_ctx(ctx);
    return ok;
}

static bool add_attr(ntfs_inode *folder, ATTR_TYPES type, uint8_t *value, size_t size)
{
    return !ntfs_attr_add(folder, type, NTFS_INDEX_I30, INDEX_NAME_UNITS, value, (s64)size);
}

/* The root: `count` items, or what leads to the topmost block. */
static bool put_root(const struct writer *w, ntfs_inode *folder, const struct index *x,
                     size_t count, uint64_t last_below)
{
    uint8_t *value = calloc(1, x->root_size + END_MAX);
    if (!value)
        return false;
    INDEX_HEADER *head = (INDEX_HEADER *)(value + ROOT_HEAD);
    memcpy(value, x->root, ROOT_HEAD);
    put_entries(w, head, sizeof *head, 0, count, last_below);
    head->allocated_size = head->index_length;
    bool ok = add_attr(folder, AT_INDEX_ROOT, value, ROOT_HEAD + le32_to_cpu(head->index_length));
    int keep = errno;
    free(value);
    errno = keep;
    return ok;
}

/* Do all names fit where the root's are now? */
static bool fits_root(const struct writer *w, const struct index *x)
{
    size_t size = sizeof(INDEX_ROOT) + sizeof(INDEX_ENTRY_HEADER);
    for (size_t i = 0; i < w->count && size <= x->root_size; i++)
        size += entry_size(&w->item[i]);
    return size <= x->root_size;
}

/* Which blocks are used: all of them. */
static bool put_bitmap(const struct writer *w, ntfs_inode *folder)
{
    size_t size = (size_t)((w->block_count + 63) / 64 * 8);
    uint8_t *bits = calloc(1, size);
    for (uint64_t i = 0; bits && i < w->block_count; i++)
        bits[i / 8] |= (uint8_t)(1u << i % 8);
    bool ok = bits && add_attr(folder, AT_BITMAP, bits, size);
    int keep = errno;
    free(bits);
    errno = keep;
    return ok;
}

static bool put_blocks(struct volume *v, const struct writer *w, ntfs_inode *folder)
{
    struct placement p;
    uint64_t size = w->block_count * w->block_size;
    if (place_find(v, size, &p) || place_claim(v, &p)) {
        errno = ENOSPC;
        return false;
    }
    bool ok = add_attr(folder, AT_INDEX_ALLOCATION, NULL, 0) && place_index(folder, &p, size);
    ntfs_attr *attr =
        ok ? ntfs_attr_open(folder, AT_INDEX_ALLOCATION, NTFS_INDEX_I30, INDEX_NAME_UNITS) : NULL;
    ok = attr && ntfs_attr_mst_pwrite(attr, 0, (s64)w->block_count, w->block_size, w->blocks) ==
                     (s64)w->block_count;
    int keep = errno;
    if (attr)
        ntfs_attr_close(attr);
    placement_free(&p);
    errno = keep;
    return ok;
}

bool index_write(struct volume *v, ntfs_inode *folder, const struct index *x)
{
    struct writer w = {.ntfs = v->ntfs, .block_size = x->block_size};
    errno = EIO;
    bool ok = index_walk(v->ntfs, x, add_item, &w);
    if (ok)
        sort(&w);
    bool small = ok && fits_root(&w, x);
    ok = ok && (small || build(&w)) && take_off(folder, AT_INDEX_ALLOCATION) &&
         take_off(folder, AT_BITMAP) && take_off(folder, AT_INDEX_ROOT);
    if (small)
        ok = ok && put_root(&w, folder, x, w.count, NO_BLOCK);
    else
        ok = ok && put_root(&w, folder, x, 0, w.block_count - 1) && put_blocks(v, &w, folder) &&
             put_bitmap(&w, folder);
    int keep = errno;
    free(w.item);
    free(w.blocks);
    errno = keep;
    return ok;
}
