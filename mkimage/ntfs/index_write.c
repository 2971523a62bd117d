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
    /* an attribute's own bytes: in the record, and in clusters, where it has some for its runs */
    RESIDENT_HEAD = offsetof(ATTR_RECORD, resident_end) + INDEX_NAME_UNITS * sizeof(ntfschar),
    RUNS_HEAD = offsetof(ATTR_RECORD, non_resident_end) + INDEX_NAME_UNITS * sizeof(ntfschar),
    RUNS_MIN = 16,
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

/* By the name's own length: what an entry says of its length may be more. */
static size_t entry_size(const struct item *i)
{
    size_t key = (le16_to_cpu(i->entry->key_length) + 7u) & ~(size_t)7;
    return sizeof(INDEX_ENTRY_HEADER) + key + (i->below == NO_BLOCK ? 0 : sizeof(VCN));
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

/* The root's attribute in its record; false with errno set. */
static bool find_root(ntfs_attr_search_ctx *ctx)
{
    return ctx && !ntfs_attr_lookup(AT_INDEX_ROOT, NTFS_INDEX_I30, INDEX_NAME_UNITS, CASE_SENSITIVE,
                                    0, NULL, 0, ctx);
}

/* Of the root's attribute: whether files made in the folder are to be compressed, or encrypted. */
static bool get_flags(ntfs_inode *folder, ATTR_FLAGS *flags)
{
    ntfs_attr_search_ctx *ctx = ntfs_attr_get_search_ctx(folder, NULL);
    bool ok = find_root(ctx);
    if (ok)
        *flags = ctx->attr->flags;
    if (ctx)
        ntfs_attr_put_search_ctx(ctx);
    return ok;
}

static bool set_flags(ntfs_inode *folder, ATTR_FLAGS flags)
{
    ntfs_attr_search_ctx *ctx = ntfs_attr_get_search_ctx(folder, NULL);
    bool ok = find_root(ctx);
    if (ok) {
        ctx->attr->flags = flags;
        ntfs_inode_mark_dirty(ctx->ntfs_ino);
    }
    if (ctx)
        ntfs_attr_put_search_ctx(ctx);
    return ok;
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

static size_t free_bytes(const ntfs_inode *folder)
{
    return folder->vol->mft_record_size - le32_to_cpu(folder->mrec->bytes_in_use);
}

static size_t bitmap_size(const struct writer *w)
{
    return (size_t)((w->block_count + 63) / 64 * 8);
}

/* Where the folder's record has no room for it: to clusters. */
static bool put_bitmap_outside(ntfs_inode *folder, const uint8_t *bits, size_t size)
{
    if (ntfs_non_resident_attr_record_add(folder, AT_BITMAP, NTFS_INDEX_I30, INDEX_NAME_UNITS, 0, 8,
                                          const_cpu_to_le16(0)) < 0)
        return false;
    ntfs_attr *attr = ntfs_attr_open(folder, AT_BITMAP, NTFS_INDEX_I30, INDEX_NAME_UNITS);
    bool ok = attr && !ntfs_attr_truncate(attr, (s64)size) &&
              ntfs_attr_pwrite(attr, 0, (s64)size, bits) == (s64)size;
    int keep = errno;
    if (attr)
        ntfs_attr_close(attr);
    errno = keep;
    return ok;
}

/* Which blocks are used: all of them. */
static bool put_bitmap(const struct writer *w, ntfs_inode *folder)
{
    size_t size = bitmap_size(w);
    uint8_t *bits = calloc(1, size);
    for (uint64_t i = 0; bits && i < w->block_count; i++)
        bits[i / 8] |= (uint8_t)(1u << i % 8);
    bool inside = free_bytes(folder) >= RESIDENT_HEAD + size;
    bool ok = bits && (inside ? add_attr(folder, AT_BITMAP, bits, size)
                              : put_bitmap_outside(folder, bits, size));
    int keep = errno;
    free(bits);
    errno = keep;
    return ok;
}

static bool put_blocks(const struct writer *w, const struct placement *p, ntfs_inode *folder)
{
    bool ok = add_attr(folder, AT_INDEX_ALLOCATION, NULL, 0) &&
              place_index(folder, p, w->block_count * w->block_size);
    ntfs_attr *attr =
        ok ? ntfs_attr_open(folder, AT_INDEX_ALLOCATION, NTFS_INDEX_I30, INDEX_NAME_UNITS) : NULL;
    ok = attr && ntfs_attr_mst_pwrite(attr, 0, (s64)w->block_count, w->block_size, w->blocks) ==
                     (s64)w->block_count;
    int keep = errno;
    if (attr)
        ntfs_attr_close(attr);
    errno = keep;
    return ok;
}

static bool is_ours(ATTR_TYPES type)
{
    return type == AT_INDEX_ROOT || type == AT_INDEX_ALLOCATION || type == AT_BITMAP;
}

/* The next entry of the folder's list of attributes; NULL behind the last one. */
static const ATTR_LIST_ENTRY *next_listed(const ntfs_inode *folder, size_t *at)
{
    size_t left = folder->attr_list_size - *at;
    const ATTR_LIST_ENTRY *e = (const ATTR_LIST_ENTRY *)(folder->attr_list + *at);
    if (left < offsetof(ATTR_LIST_ENTRY, name) ||
        le16_to_cpu(e->length) < offsetof(ATTR_LIST_ENTRY, name) || le16_to_cpu(e->length) > left)
        return NULL;
    *at += le16_to_cpu(e->length);
    return e;
}

/* Does a further record hold both the index and something else? Then it stays, and changes too.
 * *alone: nothing else is in any of them, and the list goes with them. */
static bool is_mixed(const ntfs_inode *folder, bool *alone)
{
    const ATTR_LIST_ENTRY *e, *other;
    *alone = true;
    for (size_t at = 0; (e = next_listed(folder, &at));) {
        if (MREF_LE(e->mft_reference) == folder->mft_no || is_ours(e->type))
            continue;
        *alone = false;
        for (size_t k = 0; (other = next_listed(folder, &k));) {
            if (is_ours(other->type) && other->mft_reference == e->mft_reference)
                return true;
        }
    }
    return false;
}

/*
 * Will the index be in the folder's own record, so that one write changes it? Not where a list of
 * its records stays in clusters, which are another write, or where its clusters could be taken for
 * the map of blocks, `mapped` being false.
 */
static bool fits_record(const ntfs_inode *folder, size_t need, bool mapped)
{
    const MFT_RECORD *record = folder->mrec;
    size_t used = le32_to_cpu(record->bytes_in_use), at = le16_to_cpu(record->attrs_offset);
    bool alone = true;
    if (used > folder->vol->mft_record_size || (NInoAttrList(folder) && is_mixed(folder, &alone)))
        return false;
    size_t left = free_bytes(folder);
    while (at + offsetof(ATTR_RECORD, resident_end) <= used) { /* ends: `at` grows */
        const ATTR_RECORD *attr = (const ATTR_RECORD *)((const uint8_t *)record + at);
        bool list = attr->type == AT_ATTRIBUTE_LIST;
        if (attr->type == AT_END || !attr->length)
            break;
        if (list && attr->non_resident && (!alone || !mapped))
            return false;
        if (is_ours(attr->type) || (list && alone))
            left += le32_to_cpu(attr->length);
        at += le32_to_cpu(attr->length);
    }
    return need <= left;
}

/* Is the map of blocks so small that clusters for it would need more of the record? */
static bool maps_inside(const struct writer *w)
{
    return RESIDENT_HEAD + bitmap_size(w) <= RUNS_HEAD + RUNS_MIN;
}

/* The record's bytes for the index: its root, its blocks in `pieces` pieces, and their map, in it
 * or in clusters. */
static size_t record_bytes(const struct writer *w, const struct index *x, bool small,
                           uint32_t pieces)
{
    enum { PIECE_MAX = 11 }; /* for NTFS's 2^32 clusters */
    if (small)
        return RESIDENT_HEAD + ((x->root_size + 7) & ~(size_t)7);
    size_t map = maps_inside(w) ? RESIDENT_HEAD + bitmap_size(w) : RUNS_HEAD + RUNS_MIN;
    return RESIDENT_HEAD + sizeof(INDEX_ROOT) + END_MAX + RUNS_HEAD + RUNS_MIN +
           (size_t)pieces * PIECE_MAX + map;
}

/* Clusters for the blocks; none with *p empty where there is no room. False with errno set. */
static bool find_room(struct volume *v, const struct writer *w, struct placement *p)
{
    uint64_t size = w->block_count * w->block_size, spare = 8 * v->cluster_size;
    errno = ENOMEM;
    return volume_free(v) < size + spare || !place_find(v, size, p);
}

static bool put_index(struct volume *v, const struct writer *w, ntfs_inode *folder,
                      const struct index *x, const struct placement *p)
{
    ATTR_FLAGS flags;
    bool ok = get_flags(folder, &flags) && !place_claim(v, p) &&
              take_off(folder, AT_INDEX_ALLOCATION) && take_off(folder, AT_BITMAP) &&
              take_off(folder, AT_INDEX_ROOT);
    if (!w->block_count)
        return ok && put_root(w, folder, x, w->count, NO_BLOCK) && set_flags(folder, flags);
    return ok && put_root(w, folder, x, 0, w->block_count - 1) && set_flags(folder, flags) &&
           put_blocks(w, p, folder) && put_bitmap(w, folder);
}

bool index_write(struct volume *v, ntfs_inode *folder, const struct index *x, bool *written)
{
    struct writer w = {.ntfs = v->ntfs, .block_size = x->block_size};
    struct placement p = {0};
    *written = false;
    errno = EIO;
    bool ok = index_walk(v->ntfs, x, add_item, &w);
    if (ok)
        sort(&w);
    bool small = ok && fits_root(&w, x);
    ok = ok && (small || (build(&w) && find_room(v, &w, &p)));
    if (ok && (small || p.count) &&
        fits_record(folder, record_bytes(&w, x, small, p.count), small || maps_inside(&w))) {
        ok = put_index(v, &w, folder, x, &p);
        *written = ok;
    }
    int keep = errno;
    free(w.item);
    free(w.blocks);
    placement_free(&p);
    errno = keep;
    return ok;
}
