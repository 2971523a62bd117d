/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A walk keeps one node a level in memory, checked as a whole before any of its entries is used. */
#include "core/ntfs/index.h"
#include "core/base/arena.h"
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/mem.h"
#include "core/ntfs/inode.h"
#include "core/ntfs/ntfs.h"
#include "core/ntfs/record.h"
#include "core/ntfs/sectors.h"

/* A scan looks at so many blocks at once, and at no more of them than this in all. */
#define SCAN_BLOCKS     512
#define SCAN_BLOCKS_MAX (1u << 22)

static const struct ntfs_index_entry *entry_at(const struct ntfs_node *node, uint32_t off)
{
    return (const struct ntfs_index_entry *)(node->entries + off);
}

static bool has_child(const struct ntfs_index_entry *entry)
{
    return le16_get(entry->flags) & NTFS_ENTRY_CHILD;
}

static bool is_last(const struct ntfs_index_entry *entry)
{
    return le16_get(entry->flags) & NTFS_ENTRY_LAST;
}

/* Is the entry, which has `left` bytes up to the node's end, whole? */
static bool entry_ok(const struct ntfs_index_entry *entry, uint32_t left)
{
    if (left < sizeof *entry)
        return false;
    uint32_t length = le16_get(entry->length);
    uint32_t overhead = sizeof *entry + (has_child(entry) ? 8 : 0);
    if (length & 7 || length < overhead || length > left)
        return false;
    if (is_last(entry))
        return true;

    uint32_t key_length = le16_get(entry->key_length);
    const struct ntfs_file_name *key = ntfs_entry_key(entry);
    return key_length >= sizeof *key && key_length <= length - overhead && key->name_length &&
           sizeof *key + 2u * key->name_length <= key_length;
}

/* Compares neighbours; what is out of order is damage that a scan gets around. */
static enum err check_order(struct ntfs_index *index, const struct ntfs_index_entry *a,
                            const struct ntfs_index_entry *b, struct fail *f)
{
    int order;
    enum err err = ntfs_name_compare(index->vol, ntfs_entry_name(a), ntfs_entry_name(b), &order, f);
    if (!err && order >= 0)
        index->damaged = true;
    return err;
}

/* Checks the node whose header is at `head` with `room` bytes, and goes to its first entry. */
static enum err node_open(struct ntfs_index *index, struct ntfs_node *node, const uint8_t *head,
                          uint32_t room, struct fail *f)
{
    const struct ntfs_node_header *h = (const struct ntfs_node_header *)head;
    uint32_t off = le32_get(h->entries_offset);
    uint32_t length = le32_get(h->length);
    if (room < sizeof *h || off & 7 || off < sizeof *h || off >= length ||
        length > le32_get(h->allocated) || le32_get(h->allocated) > room)
        return fail(f, ERR_CORRUPT, "an index node has a header out of its bounds (%u bytes)",
                    length);

    node->entries = head + off;
    node->size = length - off;
    node->pos = 0;
    node->before = node->size;
    node->final = node->size;
    uint32_t pos = 0;
    for (;;) { /* ends: pos grows by at least 16 and entry_ok() checks it against the size */
        const struct ntfs_index_entry *entry = entry_at(node, pos);
        if (!entry_ok(entry, node->size - pos))
            return fail(f, ERR_CORRUPT, "an index node has an entry out of its bounds at byte %u",
                        pos);
        if (is_last(entry))
            return ERR_OK;
        if (node->final != node->size) {
            enum err err = check_order(index, entry_at(node, node->final), entry, f);
            if (err)
                return err;
        }
        node->final = pos;
        pos += le16_get(entry->length);
    }
}

static enum err root_open(struct ntfs_index *index, struct fail *f)
{
    const uint32_t off = offsetof(struct ntfs_index_root, node);
    return node_open(index, &index->node[0], index->root.value + off,
                     (uint32_t)index->root.size - off, f);
}

/* Is the block marked as used in the index's bitmap? */
static enum err block_in_use(struct ntfs_index *index, uint64_t block, bool *used, struct fail *f)
{
    uint8_t byte = 0;
    *used = false;
    if (block >> 3 >= index->bitmap.size)
        return ERR_OK;
    enum err err = ntfs_attr_read(index->vol, &index->bitmap, block >> 3, &byte, 1, f);
    *used = bit_get(&byte, (uint32_t)block & 7, BITS_LSB_FIRST);
    return err;
}

/* Reads index block number `block` into node->buf and checks it. */
static enum err block_read(struct ntfs_index *index, struct ntfs_node *node, uint64_t block,
                           struct fail *f)
{
    if (++index->visited > index->blocks)
        return fail(f, ERR_CORRUPT, "a directory's index runs in a circle at block %u", block);
    if (!node->buf)
        node->buf = arena_alloc(index->vol->arena, index->block_size);
    if (!node->buf)
        return fail(f, ERR_MEMORY, "no memory for an index block of %u bytes", index->block_size);

    unsigned shift = log2_u32(index->block_size);
    enum err err = ntfs_attr_read(index->vol, &index->allocation, block << shift, node->buf,
                                  index->block_size, f);
    if (err)
        return err;
    const struct ntfs_index_block *head = (const struct ntfs_index_block *)node->buf;
    if (le32_get(head->block.magic) != NTFS_MAGIC_INDX)
        return fail(f, ERR_CORRUPT, "index block %u has no INDX signature", block);
    err = ntfs_fixup(node->buf, index->block_size, sizeof *head, block, f);
    if (err)
        return err;
    if (le64_get(head->vcn) != block << shift >> index->vcn_shift)
        return fail(f, ERR_CORRUPT, "index block %u says that it is another one", block);

    uint32_t room = index->block_size - offsetof(struct ntfs_index_block, node);
    if (le32_get(head->node.allocated) != room)
        return fail(f, ERR_CORRUPT, "index block %u has a wrong size", block);
    return node_open(index, node, node->buf + offsetof(struct ntfs_index_block, node), room, f);
}

/* Goes down into the child of the entry at hand, which has one. */
static enum err descend(struct ntfs_index *index, struct fail *f)
{
    struct ntfs_node *parent = &index->node[index->depth];
    const struct ntfs_index_entry *entry = entry_at(parent, parent->pos);
    const le64 *tail = (const le64 *)((const uint8_t *)entry + le16_get(entry->length) - 8);
    uint64_t vcn = le64_get(*tail);
    unsigned shift = log2_u32(index->block_size);
    uint64_t block = vcn << index->vcn_shift >> shift;
    bool used;
    if (vcn >> (63 - index->vcn_shift) || block >= index->blocks ||
        block << shift >> index->vcn_shift != vcn)
        return fail(f, ERR_CORRUPT, "a directory's index points outside itself, to VCN %u", vcn);
    if (index->depth == NTFS_INDEX_DEPTH)
        return fail(f, ERR_CORRUPT, "a directory's index is deeper than %u levels",
                    NTFS_INDEX_DEPTH);
    enum err err = block_in_use(index, block, &used, f);
    if (!err && !used)
        err = fail(f, ERR_CORRUPT, "a directory's index points to its free block %u", block);
    if (err)
        return err;

    struct ntfs_node *child = &index->node[index->depth + 1];
    err = block_read(index, child, block, f);
    if (err)
        return err;
    index->depth++;

    /* The child's names lie between its parent's neighbours. */
    if (child->final == child->size)
        return ERR_OK;
    if (parent->before != parent->size)
        err = check_order(index, entry_at(parent, parent->before), entry_at(child, 0), f);
    if (!err && !is_last(entry))
        err = check_order(index, entry_at(child, child->final), entry, f);
    return err;
}

static void step(struct ntfs_node *node)
{
    node->before = node->pos;
    node->pos += le16_get(entry_at(node, node->pos)->length);
}

/* Stands at the first entry of the node that is not before `from`, whatever their case. */
static enum err skip_smaller(struct ntfs_index *index, struct ntfs_node *node,
                             const struct ntfs_name *from, struct fail *f)
{
    for (;;) { /* ends at the last entry, which node_open() saw */
        const struct ntfs_index_entry *entry = entry_at(node, node->pos);
        if (!from || is_last(entry))
            return ERR_OK;
        int order;
        enum err err =
            ntfs_name_compare_caseless(index->vol, ntfs_entry_name(entry), *from, &order, f);
        if (err || order >= 0)
            return err;
        step(node);
    }
}

enum err ntfs_index_seek(struct ntfs_index *index, const struct ntfs_name *from, struct fail *f)
{
    index->depth = 0;
    index->visited = 0;
    index->given = false;
    enum err err = root_open(index, f);
    while (!err) { /* ends: descend() bounds the depth */
        struct ntfs_node *node = &index->node[index->depth];
        err = skip_smaller(index, node, from, f);
        if (err || !has_child(entry_at(node, node->pos)))
            return err;
        err = descend(index, f);
    }
    return err;
}

enum err ntfs_index_next(struct ntfs_index *index, const struct ntfs_index_entry **entry,
                         struct fail *f)
{
    *entry = NULL;
    struct ntfs_node *node = &index->node[index->depth];
    if (index->given) { /* what follows an entry in order starts in the child of the next one */
        index->given = false;
        step(node);
        while (has_child(entry_at(node, node->pos))) { /* ends: descend() bounds the depth */
            enum err err = descend(index, f);
            if (err)
                return err;
            node = &index->node[index->depth];
        }
    }
    while (is_last(entry_at(node, node->pos))) { /* ends: the depth shrinks */
        if (!index->depth)
            return ERR_OK;
        node = &index->node[--index->depth];
    }
    *entry = entry_at(node, node->pos);
    index->given = true;
    return ERR_OK;
}

/* Calls `each` for the node's entries; *more is false where it wants no more. */
static void scan_node(const struct ntfs_node *node,
                      bool (*each)(void *ctx, const struct ntfs_index_entry *entry), void *ctx,
                      bool *more)
{
    uint32_t pos = 0;
    while (*more && !is_last(entry_at(node, pos))) { /* ends: node_open() saw the last entry */
        *more = each(ctx, entry_at(node, pos));
        pos += le16_get(entry_at(node, pos)->length);
    }
}

/* Scans up to SCAN_BLOCKS blocks from `first` (a multiple of that), those that the bitmap has. */
static enum err scan_blocks(struct ntfs_index *index, uint64_t first,
                            bool (*each)(void *ctx, const struct ntfs_index_entry *entry),
                            void *ctx, bool *more, struct fail *f)
{
    uint8_t bits[SCAN_BLOCKS / 8] = {0};
    uint64_t left = index->bitmap.size > first >> 3 ? index->bitmap.size - (first >> 3) : 0;
    uint32_t bytes = left < sizeof bits ? (uint32_t)left : sizeof bits;
    enum err err =
        bytes ? ntfs_attr_read(index->vol, &index->bitmap, first >> 3, bits, bytes, f) : ERR_OK;
    for (uint32_t i = 0; !err && *more && i < SCAN_BLOCKS && first + i < index->blocks; i++) {
        if (!bit_get(bits, i, BITS_LSB_FIRST))
            continue;
        err = block_read(index, &index->node[1], first + i, f);
        if (!err)
            scan_node(&index->node[1], each, ctx, more);
    }
    return err;
}

enum err ntfs_index_scan(struct ntfs_index *index,
                         bool (*each)(void *ctx, const struct ntfs_index_entry *entry), void *ctx,
                         struct fail *f)
{
    bool more = true;
    index->depth = 0;
    index->visited = 0;
    enum err err = root_open(index, f);
    if (!err)
        scan_node(&index->node[0], each, ctx, &more);
    if (!err && index->blocks > SCAN_BLOCKS_MAX)
        err = fail(f, ERR_LIMIT, "a directory of %u blocks is out of order", index->blocks);
    for (uint64_t first = 0; !err && more && first < index->blocks; first += SCAN_BLOCKS)
        err = scan_blocks(index, first, each, ctx, &more, f);
    return err;
}

/* Checks what the root says of the index, and works out the blocks' size and number. */
static enum err check_root(struct ntfs_index *index, struct fail *f)
{
    const struct ntfs_index_root *root = (const struct ntfs_index_root *)index->root.value;
    if (!index->root.resident || index->root.size < sizeof *root)
        return fail(f, ERR_CORRUPT, "a directory's index root has %u bytes", index->root.size);
    if (le32_get(root->type) != NTFS_INDEX_TYPE_NAME ||
        le32_get(root->collation) != NTFS_INDEX_COLLATION_NAME)
        return fail(f, ERR_CORRUPT, "a directory's index is not sorted by name but by %x",
                    le32_get(root->type));
    uint32_t size = le32_get(root->block_size);
    if (!is_power_of_two(size) || size < NTFS_STRIDE || size > NTFS_INDEX_MAX)
        return fail(f, ERR_CORRUPT, "a directory's index has blocks of %u bytes", size);

    unsigned cluster_shift = ntfs_cluster_bytes_shift(index->vol);
    index->block_size = size;
    index->vcn_shift = size >> cluster_shift ? cluster_shift : SECTOR_SHIFT;
    return ERR_OK;
}

static enum err open_named(struct ntfs_index *index, const struct ntfs_inode *inode, uint32_t type,
                           struct ntfs_attr *attr, struct fail *f)
{
    enum err err =
        ntfs_attr_open(index->vol, inode, type, ntfs_name_i30, sizeof ntfs_name_i30 / 2, attr, f);
    if (!err && attr->flags & NTFS_FLAG_ENCRYPTED && !attr->resident)
        err =
            fail(f, ERR_CORRUPT, "a directory's index is encrypted: its flags are %x", attr->flags);
    return err;
}

enum err ntfs_index_open(struct ntfs *vol, const struct ntfs_inode *inode, struct ntfs_index *index,
                         struct fail *f)
{
    memset(index, 0, sizeof *index);
    index->vol = vol;
    enum err err = open_named(index, inode, NTFS_ATTR_INDEX_ROOT, &index->root, f);
    if (!err && !index->root.present)
        err = fail(f, ERR_CORRUPT, "the directory in MFT record %u has no index", inode->number);
    if (!err)
        err = check_root(index, f);
    if (!err)
        err = open_named(index, inode, NTFS_ATTR_INDEX_ALLOCATION, &index->allocation, f);
    if (!err)
        err = open_named(index, inode, NTFS_ATTR_BITMAP, &index->bitmap, f);
    if (err)
        return err;
    if (index->allocation.present && index->allocation.resident)
        return fail(f, ERR_CORRUPT, "the index blocks of MFT record %u are resident",
                    inode->number);
    index->blocks = index->allocation.size >> log2_u32(index->block_size);
    return ERR_OK;
}
