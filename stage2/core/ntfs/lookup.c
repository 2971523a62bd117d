/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Goes down the tree; where its order cannot be relied on, through all of it. */
#include "core/ntfs/lookup.h"
#include "core/base/arena.h"
#include "core/base/endian.h"
#include "core/base/mem.h"
#include "core/ntfs/attr.h"
#include "core/ntfs/format.h"
#include "core/ntfs/index.h"
#include "core/ntfs/inode.h"
#include "core/ntfs/ntfs.h"
#include "core/ntfs/upcase.h"

/* An index of so many bytes is searched whole before a name is said to be missing: that costs one
 * or two reads, and finds names that a damaged order hides in a block which is itself in order. */
#define SMALL_INDEX 65536

/* What matches so far. Names that differ only in case are legal: the exact one wins, a single other
 * one will do. */
struct match {
    struct ntfs *vol;
    struct ntfs_name wanted;
    bool exact;
    bool ambiguous;
    bool found;
    uint64_t reference;
    uint8_t name[2 * NTFS_NAME_MAX];
    uint8_t length;
    enum err err; /* of a comparison during a scan */
    struct fail *f;
};

/* Takes an entry whose name matches but for case. */
static void take(struct match *m, const struct ntfs_index_entry *entry)
{
    struct ntfs_name name = ntfs_entry_name(entry);
    uint64_t reference = le64_get(entry->reference);
    bool exact = ntfs_name_same(name, m->wanted);
    if (m->found && !exact) {
        m->ambiguous = m->ambiguous || reference != m->reference;
        return;
    }
    m->found = true;
    m->exact = exact;
    m->reference = reference;
    m->length = name.length;
    memcpy(m->name, name.units, 2u * name.length);
}

/* Down the tree, then along the names that match. */
static enum err search_tree(struct ntfs_index *index, struct match *m, struct fail *f)
{
    enum err err = ntfs_index_seek(index, &m->wanted, f);
    while (!err && !m->exact) { /* ends: an index gives out every entry once */
        const struct ntfs_index_entry *entry;
        err = ntfs_index_next(index, &entry, f);
        if (err || !entry)
            return err;
        int order;
        err = ntfs_name_compare_caseless(m->vol, ntfs_entry_name(entry), m->wanted, &order, f);
        if (err || order)
            return err;
        take(m, entry);
    }
    return err;
}

static bool scan_entry(void *ctx, const struct ntfs_index_entry *entry)
{
    struct match *m = ctx;
    int order;
    m->err = ntfs_name_compare_caseless(m->vol, ntfs_entry_name(entry), m->wanted, &order, m->f);
    if (!m->err && !order)
        take(m, entry);
    return !m->err && !m->exact;
}

static enum err search_everything(struct ntfs_index *index, struct match *m, struct fail *f)
{
    m->f = f;
    enum err err = ntfs_index_scan(index, scan_entry, m, f);
    if (!err)
        err = m->err;
    if (!err && m->found)
        notes_add(&m->vol->notes, "a directory's names are out of order: it was searched whole", 0);
    return err;
}

/* `in_order`: down the tree alone. */
static enum err search(struct ntfs *vol, const struct ntfs_inode *inode, struct match *m,
                       bool in_order, struct fail *f)
{
    struct ntfs_index *index = arena_alloc(vol->arena, sizeof *index);
    if (!index)
        return fail(f, ERR_MEMORY, "no memory for a directory's index (%u bytes)", sizeof *index);
    enum err err = ntfs_index_open(vol, inode, index, f);
    if (!err)
        err = search_tree(index, m, f);
    if (!err && !m->found && !in_order && (index->damaged || index->allocation.size <= SMALL_INDEX))
        err = search_everything(index, m, f);
    return err;
}

/* Why `inode` is no directory to look into. */
static enum err refuse_plain_file(const struct ntfs_inode *inode, struct fail *f)
{
    return fail(f, ERR_NOT_FOUND, "a part of the path is a file, not a folder (MFT record %u)",
                inode->number);
}

enum err ntfs_lookup(struct ntfs *vol, uint64_t directory, const uint8_t *units, uint8_t length,
                     uint64_t *reference, uint8_t *stored, uint8_t *stored_length, struct fail *f)
{
    size_t mark = arena_mark(vol->arena);
    struct ntfs_inode inode;
    struct match m = {.vol = vol, .wanted = {units, length}};
    enum err err = ntfs_inode_open(vol, directory, &inode, f);
    if (!err)
        err = ntfs_refuse_reparse(vol, &inode, f);
    if (!err && !inode.directory)
        err = refuse_plain_file(&inode, f);
    if (!err)
        err = search(vol, &inode, &m, false, f);
    arena_release(vol->arena, mark);
    if (err)
        return err;
    if (!m.found)
        return fail(f, ERR_NOT_FOUND, "there is no such file or folder", 0);
    if (m.ambiguous && !m.exact)
        return fail(f, ERR_NOT_FOUND, "several names differ only in case, and none is exactly this",
                    0);
    *reference = m.reference;
    memcpy(stored, m.name, 2u * m.length);
    *stored_length = m.length;
    return ERR_OK;
}

enum err ntfs_lookup_in_order(struct ntfs *vol, uint64_t directory, const uint8_t *units,
                              uint8_t length, bool *found, struct fail *f)
{
    size_t mark = arena_mark(vol->arena);
    struct ntfs_inode inode;
    struct match m = {.vol = vol, .wanted = {units, length}};
    enum err err = ntfs_inode_open(vol, directory, &inode, f);
    if (!err)
        err = search(vol, &inode, &m, true, f);
    arena_release(vol->arena, mark);
    *found = m.found;
    return err;
}

enum err ntfs_refuse_reparse(struct ntfs *vol, const struct ntfs_inode *inode, struct fail *f)
{
    size_t mark = arena_mark(vol->arena);
    struct ntfs_attr attr;
    uint8_t tag_bytes[4];
    enum err err = ntfs_attr_open(vol, inode, NTFS_ATTR_REPARSE_POINT, NULL, 0, &attr, f);
    if (!err && attr.present)
        err = ntfs_attr_read(vol, &attr, 0, tag_bytes, sizeof tag_bytes, f);
    arena_release(vol->arena, mark);
    if (err || !attr.present)
        return err;

    uint32_t tag = le32_get(*(const le32 *)tag_bytes);
    switch (tag) {
    case NTFS_TAG_SYMLINK:
        return fail(f, ERR_REPARSE, "a symbolic link, which only Windows can follow", 0);
    case NTFS_TAG_MOUNT_POINT:
        return fail(f, ERR_REPARSE, "a junction or mount point, which only Windows can follow", 0);
    case NTFS_TAG_WOF:
        return fail(f, ERR_REPARSE, "compressed by Windows (compact /exe, WOF)", 0);
    case NTFS_TAG_DEDUP:
        return fail(f, ERR_REPARSE, "deduplicated: its contents lie in the volume's chunk store",
                    0);
    }
    if ((tag & NTFS_TAG_CLOUD_MASK) == NTFS_TAG_CLOUD)
        return fail(f, ERR_REPARSE, "a cloud file: its contents may not be on this volume", 0);
    return fail(f, ERR_REPARSE, "a reparse point with tag %x", tag);
}
