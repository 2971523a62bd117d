/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads and compares; nothing that the blocks say is believed before it was compared with their
 * size. index_write.c puts an index elsewhere. */
#include "ntfs/index.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "ntfs/libntfs.h"

enum { DEPTH_MAX = MAX_PARENT_VCN, ROOT_HEAD = offsetof(INDEX_ROOT, index) };

/* A node: the root or a block. */
struct node {
    const INDEX_HEADER *head;
    size_t room; /* bytes from there on */
};

/* Is it larger than any folder's that is written anew, by its size or by its runs? */
static bool is_too_large(ntfs_attr *attr)
{
    uint64_t clusters = 0;
    for (const runlist_element *rl = attr->rl; rl && rl->length; rl++)
        clusters += (uint64_t)rl->length;
    return attr->data_size > INDEX_SIZE_MAX ||
           clusters > INDEX_SIZE_MAX / attr->ni->vol->cluster_size;
}

/* All bytes of an attribute; NULL with errno set. */
static uint8_t *read_attr(ntfs_attr *attr)
{
    uint8_t *data = malloc((size_t)attr->data_size + 1);
    if (data && ntfs_attr_pread(attr, 0, attr->data_size, data) == attr->data_size)
        return data;
    errno = data && errno ? errno : data ? EIO : ENOMEM;
    free(data);
    return NULL;
}

static bool add_clusters(struct placement *p, ntfs_attr *attr)
{
    for (const runlist_element *rl = attr->rl; rl && rl->length; rl++) {
        struct piece *more = realloc(p->piece, (p->count + 1) * sizeof *more);
        if (!more)
            return false;
        p->piece = more;
        if (rl->lcn >= 0)
            more[p->count++] = (struct piece){(uint64_t)rl->lcn, (uint64_t)rl->length};
    }
    return true;
}

/* Blocks whose ends do not fit their number lose their mark: they are damaged, or never used. */
static void join_sectors(struct index *x)
{
    for (uint64_t i = 0; i < x->count; i++) {
        INDEX_BLOCK *block = (INDEX_BLOCK *)(x->blocks + i * x->block_size);
        if (block->magic != magic_INDX ||
            ntfs_mst_post_read_fixup_warn((NTFS_RECORD *)block, x->block_size, FALSE))
            block->magic = magic_BAAD;
    }
}

/* The blocks and where they and their map lie; none of what is too large. */
static bool read_blocks(ntfs_inode *folder, struct index *x)
{
    static const ATTR_TYPES types[] = {AT_INDEX_ALLOCATION, AT_BITMAP};
    bool ok = true;
    for (unsigned i = 0; ok && i < 2; i++) {
        ntfs_attr *attr = ntfs_attr_open(folder, types[i], NTFS_INDEX_I30, INDEX_NAME_UNITS);
        if (!attr)
            continue; /* the root holds it all */
        ok = !NAttrNonResident(attr) || !ntfs_attr_map_whole_runlist(attr);
        if (ok && !is_too_large(attr)) {
            ok = add_clusters(&x->clusters, attr);
            if (ok && types[i] == AT_INDEX_ALLOCATION) {
                x->blocks = read_attr(attr);
                ok = x->blocks;
                x->count = ok ? (uint64_t)attr->data_size / x->block_size : 0;
            }
        }
        ntfs_attr_close(attr);
    }
    return ok;
}

bool index_read(ntfs_inode *folder, struct index *x)
{
    *x = (struct index){0};
    ntfs_attr *root = ntfs_attr_open(folder, AT_INDEX_ROOT, NTFS_INDEX_I30, INDEX_NAME_UNITS);
    if (!root)
        return false;
    errno = EIO;
    if (root->data_size <= folder->vol->mft_record_size) {
        x->root_size = (size_t)root->data_size;
        x->root = read_attr(root);
    }
    ntfs_attr_close(root);
    if (!x->root)
        return false;
    x->block_size = x->root_size >= sizeof(INDEX_ROOT)
                        ? le32_to_cpu(((const INDEX_ROOT *)x->root)->index_block_size)
                        : 0;
    errno = EIO;
    if (x->block_size < NTFS_BLOCK_SIZE || x->block_size % NTFS_BLOCK_SIZE)
        return false;
    bool ok = read_blocks(folder, x);
    ntfs_attr *list = ok && NInoAttrList(folder)
                          ? ntfs_attr_open(folder, AT_ATTRIBUTE_LIST, AT_UNNAMED, 0)
                          : NULL;
    if (list) {
        ok = !NAttrNonResident(list) ||
             (!ntfs_attr_map_whole_runlist(list) && add_clusters(&x->list, list));
        ntfs_attr_close(list);
    }
    if (ok)
        join_sectors(x);
    return ok;
}

void index_free(struct index *x)
{
    free(x->root);
    free(x->blocks);
    free(x->clusters.piece);
    free(x->list.piece);
    *x = (struct index){0};
}

static struct node root_of(const struct index *x)
{
    return (struct node){(const INDEX_HEADER *)(x->root + ROOT_HEAD), x->root_size - ROOT_HEAD};
}

/* The block by its place; without a header where there is none. */
static struct node block_at(const struct index *x, uint64_t place)
{
    if (place >= x->count)
        return (struct node){0};
    const INDEX_BLOCK *block = (const INDEX_BLOCK *)(x->blocks + place * x->block_size);
    if (block->magic != magic_INDX)
        return (struct node){0};
    return (struct node){&block->index, x->block_size - offsetof(INDEX_BLOCK, index)};
}

/* The next entry of a node; NULL behind the last one, or where it is damaged. `at`: 0 at first. */
static const INDEX_ENTRY *next_entry(const struct node *n, size_t *at)
{
    if (!n->head)
        return NULL;
    size_t end = le32_to_cpu(n->head->index_length);
    size_t here = *at ? *at : le32_to_cpu(n->head->entries_offset);
    const INDEX_ENTRY *e = (const INDEX_ENTRY *)((const uint8_t *)n->head + here);
    if (end > n->room || here >= end || here % 8 || end - here < sizeof(INDEX_ENTRY_HEADER))
        return NULL;
    size_t length = le16_to_cpu(e->length), key = le16_to_cpu(e->key_length);
    size_t child = e->ie_flags & INDEX_ENTRY_NODE ? sizeof(VCN) : 0;
    if (length % 8 || length > end - here || length < sizeof(INDEX_ENTRY_HEADER) + child)
        return NULL;
    *at = here + length;
    if (e->ie_flags & INDEX_ENTRY_END)
        return e;
    size_t name = offsetof(FILE_NAME_ATTR, file_name);
    if (key < name || key > name + NTFS_MAX_NAME_LEN * sizeof(ntfschar) ||
        key > length - sizeof(INDEX_ENTRY_HEADER) - child ||
        key < name + e->key.file_name.file_name_length * sizeof(ntfschar))
        return NULL;
    return e;
}

static bool is_end(const INDEX_ENTRY *e)
{
    return e->ie_flags & INDEX_ENTRY_END;
}

/* The place of the block below an entry. A block smaller than a cluster counts in sectors. */
static uint64_t place_below(const struct index *x, const INDEX_ENTRY *e, uint32_t cluster_size)
{
    const uint8_t *last = (const uint8_t *)e + le16_to_cpu(e->length) - sizeof(leVCN);
    leVCN vcn;
    memcpy(&vcn, last, sizeof vcn);
    uint64_t unit = x->block_size < cluster_size ? NTFS_BLOCK_SIZE : cluster_size;
    uint64_t number = (uint64_t)sle64_to_cpu(vcn);
    return number < UINT64_MAX / unit ? number * unit / x->block_size : UINT64_MAX;
}

struct walk {
    const struct index *x;
    uint32_t cluster_size;
    uint64_t left; /* blocks that may still be entered: each once */
    index_visitor *visit;
    void *ctx;
};

/* All names of a node and below it, in order; false where it is damaged or a visit says so. */
static bool walk_node(struct walk *w, const struct node *n, unsigned depth)
{
    const INDEX_ENTRY *e;
    size_t at = 0;
    while ((e = next_entry(n, &at))) {
        if (e->ie_flags & INDEX_ENTRY_NODE) {
            struct node below = block_at(w->x, place_below(w->x, e, w->cluster_size));
            if (depth == DEPTH_MAX || !w->left-- || !walk_node(w, &below, depth + 1))
                return false;
        }
        if (is_end(e))
            return true;
        if (!w->visit(w->ctx, e))
            return false;
    }
    return false;
}

bool index_walk(ntfs_volume *ntfs, const struct index *x, index_visitor *visit, void *ctx)
{
    struct walk w = {x, ntfs->cluster_size, x->count, visit, ctx};
    struct node root = root_of(x);
    return walk_node(&w, &root, 0);
}

static const ntfschar *letters(const FILE_NAME_ATTR *name)
{
    return (const ntfschar *)((const uint8_t *)name + offsetof(FILE_NAME_ATTR, file_name));
}

int index_compare(ntfs_volume *ntfs, const void *entry, const void *other)
{
    const FILE_NAME_ATTR *a = &((const INDEX_ENTRY *)entry)->key.file_name;
    const FILE_NAME_ATTR *b = &((const INDEX_ENTRY *)other)->key.file_name;
    return ntfs_names_full_collate(letters(a), a->file_name_length, letters(b), b->file_name_length,
                                   CASE_SENSITIVE, ntfs->upcase, ntfs->upcase_len);
}

struct order {
    ntfs_volume *ntfs;
    const void *last;
};

static bool is_behind(void *ctx, const void *entry)
{
    struct order *o = ctx;
    const void *last = o->last;
    o->last = entry;
    return !last || index_compare(o->ntfs, last, entry) < 0;
}

bool index_in_order(ntfs_volume *ntfs, const struct index *x)
{
    struct order order = {ntfs, NULL};
    return index_walk(ntfs, x, is_behind, &order);
}

static bool same_names(const struct node *a, const struct node *b)
{
    size_t at_a = 0, at_b = 0;
    const INDEX_ENTRY *x, *y;
    do {
        x = next_entry(a, &at_a);
        y = next_entry(b, &at_b);
        if (!x || !y || is_end(x) != is_end(y))
            return !x && !y;
        const FILE_NAME_ATTR *p = &x->key.file_name, *q = &y->key.file_name;
        if (!is_end(x) &&
            (x->indexed_file != y->indexed_file || p->file_name_length != q->file_name_length ||
             memcmp(letters(p), letters(q), p->file_name_length * sizeof(ntfschar)) != 0))
            return false;
    } while (!is_end(x));
    return true;
}

uint64_t index_changed_blocks(const struct index *before, const struct index *after)
{
    struct node a = root_of(before), b = root_of(after);
    uint64_t changed = !same_names(&a, &b);
    for (uint64_t i = 0; i < before->count; i++) {
        a = block_at(before, i);
        b = block_at(after, i);
        changed += !same_names(&a, &b);
    }
    return changed;
}
