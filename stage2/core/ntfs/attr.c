/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts attributes together from their pieces, and reads them. */
#include "core/ntfs/attr.h"
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/mem.h"
#include "core/ntfs/format.h"
#include "core/ntfs/ntfs.h"
#include "core/ntfs/record.h"
#include "core/ntfs/runlist.h"
#include "core/ntfs/sectors.h"

static enum err add_resident(struct ntfs *vol, struct ntfs_attr *attr,
                             const struct ntfs_attr_header *head, struct fail *f)
{
    const struct ntfs_attr_resident *r = (const struct ntfs_attr_resident *)head;
    attr->resident = true;
    attr->size = le32_get(r->value_length);
    attr->initialized = attr->size;
    attr->value = arena_alloc(vol->arena, attr->size);
    if (!attr->value)
        return fail(f, ERR_MEMORY, "no memory for an attribute of %u bytes", attr->size);
    memcpy(attr->value, (const uint8_t *)head + le16_get(r->value_offset), (size_t)attr->size);
    return ERR_OK;
}

/* The sizes, which only the first piece has. */
static enum err set_sizes(const struct ntfs *vol, struct ntfs_attr *attr,
                          const struct ntfs_attr_nonresident *n, struct fail *f)
{
    uint64_t allocated = le64_get(n->allocated);
    attr->size = le64_get(n->size);
    attr->initialized = le64_get(n->initialized);
    attr->compression_unit = n->compression_unit;
    uint64_t cluster_mask = ((uint64_t)1 << ntfs_cluster_bytes_shift(vol)) - 1;
    if (allocated >> 63 || allocated & cluster_mask || attr->size > allocated ||
        attr->initialized > attr->size)
        return fail(f, ERR_CORRUPT, "an attribute has sizes that contradict each other (%u bytes)",
                    attr->size);
    return ERR_OK;
}

enum err ntfs_attr_add_piece(struct ntfs *vol, struct ntfs_attr *attr,
                             const struct ntfs_attr_header *head, struct fail *f)
{
    bool first = !attr->present;
    attr->present = true;
    if (!first && (attr->resident || !head->nonresident))
        return fail(f, ERR_CORRUPT, "a resident attribute comes in pieces of type %x",
                    le32_get(head->type));
    if (first)
        attr->flags = le16_get(head->flags);
    if (!head->nonresident)
        return add_resident(vol, attr, head, f);

    const struct ntfs_attr_nonresident *n = (const struct ntfs_attr_nonresident *)head;
    if (le64_get(n->lowest_vcn) != attr->runs.clusters)
        return fail(f, ERR_CORRUPT, "the pieces of an attribute do not join at VCN %u",
                    attr->runs.clusters);
    if (first) {
        enum err err = set_sizes(vol, attr, n, f);
        if (err)
            return err;
    }
    uint32_t pairs_offset = le16_get(n->pairs_offset);
    struct view pairs = {(const uint8_t *)head + pairs_offset,
                         le32_get(head->length) - pairs_offset};
    struct ntfs_run_limits limits = ntfs_run_limits(vol);
    return ntfs_runs_decode(&attr->runs, vol->arena, pairs, le64_get(n->highest_vcn) + 1, &limits,
                            f);
}

enum err ntfs_attr_check_whole(struct ntfs *vol, const struct ntfs_attr *attr, struct fail *f)
{
    if (!attr->resident && attr->runs.clusters << ntfs_cluster_bytes_shift(vol) < attr->size)
        return fail(f, ERR_CORRUPT, "a runlist ends before its %u bytes of data do", attr->size);
    return ERR_OK;
}

/* Reads bytes of one run: [off, off + len) from volume sector `lba` on. */
static enum err read_bytes(struct ntfs *vol, uint64_t lba, uint64_t off, uint8_t *buf, uint32_t len,
                           struct fail *f)
{
    lba += off >> SECTOR_SHIFT;
    uint32_t skip = (uint32_t)off & (SECTOR_SIZE - 1);
    while (len) { /* ends: every round takes at least one byte off len */
        uint32_t n;
        enum err err;
        if (!skip && len >= SECTOR_SIZE) {
            n = len & ~(SECTOR_SIZE - 1);
            err = ntfs_sectors_read(vol, lba, n >> SECTOR_SHIFT, buf, f);
            lba += n >> SECTOR_SHIFT;
        } else {
            uint8_t sector[SECTOR_SIZE];
            n = len < SECTOR_SIZE - skip ? len : SECTOR_SIZE - skip;
            err = ntfs_sectors_read(vol, lba, 1, sector, f);
            if (!err)
                memcpy(buf, sector + skip, n);
            lba++;
            skip = 0;
        }
        if (err)
            return err;
        buf += n;
        len -= n;
    }
    return ERR_OK;
}

enum err ntfs_attr_read(struct ntfs *vol, const struct ntfs_attr *attr, uint64_t off, void *buf,
                        uint32_t len, struct fail *f)
{
    if (!range_ok(off, len, attr->size))
        return fail(f, ERR_CORRUPT, "byte %u is beyond the end of an attribute", off);
    if (attr->resident) {
        memcpy(buf, attr->value + (size_t)off, len);
        return ERR_OK;
    }

    unsigned shift = ntfs_cluster_bytes_shift(vol);
    uint8_t *to = buf;
    while (len && off < attr->initialized) { /* ends: every round takes bytes off len */
        uint64_t lcn, count;
        ntfs_runs_find(&attr->runs, off >> shift, &lcn, &count);
        uint64_t skip = off & (((uint64_t)1 << shift) - 1);
        uint64_t left = (count << shift) - skip;
        if (left > attr->initialized - off)
            left = attr->initialized - off;
        uint32_t n = left < len ? (uint32_t)left : len;

        if (lcn == NTFS_HOLE) {
            memset(to, 0, n);
        } else {
            enum err err = read_bytes(vol, lcn << vol->cluster_shift, skip, to, n, f);
            if (err)
                return err;
        }
        to += n;
        off += n;
        len -= n;
    }
    memset(to, 0, len);
    return ERR_OK;
}

void ntfs_attr_keep(struct ntfs *vol, struct ntfs_attr *attr, size_t mark)
{
    void *place = vol->arena->base + mark;
    size_t bytes = attr->resident ? (size_t)attr->size : attr->runs.count * sizeof *attr->runs.run;
    if (attr->resident) {
        memmove(place, attr->value, bytes);
        attr->value = place;
    } else if (bytes) {
        memmove(place, attr->runs.run, bytes);
        attr->runs.run = place;
    }
    arena_release(vol->arena, mark + (size_t)round_up_shift(bytes, 4));
}

enum err ntfs_list_load(struct ntfs *vol, struct ntfs_inode *inode, struct fail *f)
{
    struct ntfs_attr_key key = {.type = NTFS_ATTR_LIST};
    const struct ntfs_attr_header *head = ntfs_record_find(inode->record, &key);
    if (!head)
        return ERR_OK;

    struct ntfs_attr list = {0};
    enum err err = ntfs_attr_add_piece(vol, &list, head, f);
    if (!err)
        err = ntfs_attr_check_whole(vol, &list, f);
    if (err)
        return err;
    if (list.size > NTFS_LIST_MAX ||
        list.flags & (NTFS_FLAG_COMPRESSION_MASK | NTFS_FLAG_ENCRYPTED))
        return fail(f, ERR_CORRUPT, "the attribute list of MFT record %u is not a valid one",
                    inode->number);

    uint8_t *bytes = arena_alloc(vol->arena, list.size);
    if (!bytes)
        return fail(f, ERR_MEMORY, "no memory for an attribute list of %u bytes", list.size);
    err = ntfs_attr_read(vol, &list, 0, bytes, (uint32_t)list.size, f);
    inode->list = bytes;
    inode->list_size = (uint32_t)list.size;
    return err;
}
