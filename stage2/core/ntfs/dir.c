/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists a folder. */
#include "core/base/arena.h"
#include "core/base/endian.h"
#include "core/base/errors.h"
#include "core/base/text.h"
#include "core/ntfs/attr.h"
#include "core/ntfs/format.h"
#include "core/ntfs/index.h"
#include "core/ntfs/inode.h"
#include "core/ntfs/lookup.h"
#include "core/ntfs/ntfs.h"
#include "core/ntfs/path.h"
#include "core/ntfs/sectors.h"
#include "core/ntfs/upcase.h"

/* The file system's own files, and the root's entry for itself. */
static bool is_hidden(const struct ntfs_index_entry *entry)
{
    if (ntfs_entry_key(entry)->name_space == NTFS_NAMESPACE_DOS)
        return true;
    struct ntfs_name name = ntfs_entry_name(entry);
    bool reserved = NTFS_REF_NUMBER(le64_get(entry->reference)) < NTFS_FIRST_USER;
    return reserved && (name.units[0] == '$' || name.units[0] == '.') && !name.units[1];
}

static void fill(struct ntfs_dirent *d, const struct ntfs_index_entry *entry)
{
    const struct ntfs_file_name *key = ntfs_entry_key(entry);
    struct ntfs_name name = ntfs_entry_name(entry);
    struct text t;
    d->record = NTFS_REF_NUMBER(le64_get(entry->reference));
    d->size = le64_get(key->size);
    d->attributes = le32_get(key->attributes);
    d->directory = d->attributes & NTFS_FILE_DIRECTORY;
    text_init(&t, d->name, sizeof d->name);
    text_utf16le(&t, name.units, name.length);
}

static enum err list_entries(struct ntfs_index *index, struct ntfs_dirent *d,
                             bool (*each)(void *ctx, const struct ntfs_dirent *entry), void *ctx,
                             struct fail *f)
{
    enum err err = ntfs_index_seek(index, NULL, f);
    while (!err) { /* ends: an index gives out every entry once */
        const struct ntfs_index_entry *entry;
        err = ntfs_index_next(index, &entry, f);
        if (err || !entry)
            return err;
        if (is_hidden(entry))
            continue;
        fill(d, entry);
        if (!each(ctx, d))
            return ERR_OK;
    }
    return err;
}

static enum err list_directory(struct ntfs *vol, uint64_t reference,
                               bool (*each)(void *ctx, const struct ntfs_dirent *entry), void *ctx,
                               struct fail *f)
{
    struct ntfs_inode inode;
    struct ntfs_index *index = arena_alloc(vol->arena, sizeof *index);
    struct ntfs_dirent *d = arena_alloc(vol->arena, sizeof *d);
    if (!index || !d)
        return fail(f, ERR_MEMORY, "no memory for a directory's index (%u bytes)", sizeof *index);
    enum err err = ntfs_inode_open(vol, reference, &inode, f);
    if (!err)
        err = ntfs_refuse_reparse(vol, &inode, f);
    if (err)
        return err;
    if (!inode.directory)
        return fail(f, ERR_NOT_FOUND, "this is a file, not a folder", 0);
    err = ntfs_index_open(vol, &inode, index, f);
    if (err)
        return err;
    ntfs_limit_reads(vol, NTFS_LIST_LIMIT);
    err = list_entries(index, d, each, ctx, f);
    if (!err && index->damaged)
        notes_add(&vol->notes, "a folder's names are out of order", 0);
    return err;
}

enum err ntfs_list(struct ntfs *vol, const char *path,
                   bool (*each)(void *ctx, const struct ntfs_dirent *entry), void *ctx,
                   struct fail *f)
{
    char stored[FAIL_SUBJECT_MAX];
    struct ntfs_path resolved = {.text = stored, .text_size = sizeof stored};
    size_t mark = arena_mark(vol->arena);
    ntfs_limit_reads(vol, NTFS_READ_LIMIT);
    enum err err = ntfs_path_resolve(vol, path, &resolved, f);
    if (!err)
        err = list_directory(vol, resolved.reference, each, ctx, f);
    ntfs_unlimit_reads(vol);
    arena_release(vol->arena, mark);
    return err ? fail_subject(f, path) : ERR_OK;
}
