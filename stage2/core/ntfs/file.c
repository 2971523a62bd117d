/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens files by path. */
#include "core/ntfs/file.h"
#include "core/base/arena.h"
#include "core/base/endian.h"
#include "core/base/errors.h"
#include "core/base/file.h"
#include "core/ntfs/extents.h"
#include "core/ntfs/format.h"
#include "core/ntfs/inode.h"
#include "core/ntfs/lookup.h"
#include "core/ntfs/ntfs.h"
#include "core/ntfs/path.h"
#include "core/ntfs/sectors.h"

static bool is_compressed(const struct ntfs_attr *data)
{
    return !data->resident && data->flags & NTFS_FLAG_COMPRESSION_MASK;
}

static enum err file_read_bytes(struct file *file, uint64_t off, void *buf, uint32_t len,
                                struct fail *f)
{
    struct ntfs_file *nf = file->ctx;
    if (is_compressed(&nf->data))
        return ntfs_compressed_read(nf->vol, &nf->data, &nf->unit, off, buf, len, f);
    return ntfs_attr_read(nf->vol, &nf->data, off, buf, len, f);
}

static enum err file_list_extents(struct file *file, struct extent_list *list, struct arena *a,
                                  struct fail *f)
{
    struct ntfs_file *nf = file->ctx;
    return ntfs_extents(nf->vol, &nf->data, nf->system, list, a, f);
}

static enum err missing_data(const struct ntfs_inode *inode, const struct ntfs_path *path,
                             struct fail *f)
{
    if (path->stream_length)
        return fail(f, ERR_NOT_FOUND, "the file has no stream of this name (MFT record %u)",
                    inode->number);
    if (inode->directory)
        return fail(f, ERR_NOT_FOUND, "this is a folder, not a file", 0);
    return fail(f, ERR_CORRUPT, "the file in MFT record %u has no data attribute", inode->number);
}

/* Opens the data of the file that `path` leads to; only they are left in the arena. */
static enum err open_data(struct ntfs_file *nf, const struct ntfs_path *path, struct fail *f)
{
    struct ntfs *vol = nf->vol;
    size_t mark = arena_mark(vol->arena);
    struct ntfs_inode inode;
    enum err err = ntfs_inode_open(vol, path->reference, &inode, f);
    if (!err)
        err = ntfs_refuse_reparse(vol, &inode, f);
    if (!err)
        err = ntfs_attr_open(vol, &inode, NTFS_ATTR_DATA, path->stream, path->stream_length,
                             &nf->data, f);
    if (err)
        return err;
    if (!nf->data.present)
        return missing_data(&inode, path, f);
    if (nf->data.flags & NTFS_FLAG_ENCRYPTED)
        return fail(f, ERR_ENCRYPTED, "the file is encrypted (EFS)", 0);
    nf->system = inode.number < NTFS_FIRST_USER;
    nf->record = inode.number;
    ntfs_attr_keep(vol, &nf->data, mark);
    return is_compressed(&nf->data) ? ntfs_compressed_open(nf->vol, &nf->data, &nf->unit, f)
                                    : ERR_OK;
}

static enum err open_path(struct ntfs *vol, const char *text, struct file *file, struct fail *f)
{
    struct ntfs_file *nf = arena_alloc(vol->arena, sizeof *nf);
    if (!nf)
        return fail(f, ERR_MEMORY, "no memory for an open file (%u bytes)", sizeof *nf);
    nf->vol = vol;

    struct ntfs_path path = {.text = file->path, .text_size = sizeof file->path};
    enum err err = ntfs_path_resolve(vol, text, &path, f);
    if (!err)
        err = open_data(nf, &path, f);
    if (err)
        return err;
    file->size = nf->data.size;
    file->initialized = nf->data.initialized;
    file->ctx = nf;
    file->read = file_read_bytes;
    file->extents = file_list_extents;
    return ERR_OK;
}

enum err ntfs_open(struct ntfs *vol, const char *path, struct file *file, struct fail *f)
{
    *file = (struct file){0};
    size_t mark = arena_mark(vol->arena);
    ntfs_limit_reads(vol, NTFS_READ_LIMIT);
    enum err err = open_path(vol, path, file, f);
    ntfs_unlimit_reads(vol);
    if (err) {
        arena_release(vol->arena, mark);
        return fail_subject(f, path);
    }
    return ERR_OK;
}

const struct ntfs *ntfs_volume_of(const struct file *file)
{
    const struct ntfs_file *nf = file->ctx;
    return nf->vol;
}

struct ntfs_identity ntfs_identify(const struct file *file)
{
    const struct ntfs_file *nf = file->ctx;
    return (struct ntfs_identity){nf->vol->drive, nf->vol->start_lba, nf->record};
}

bool ntfs_same_file(const struct ntfs_identity *a, const struct ntfs_identity *b)
{
    return a->drive == b->drive && a->start_lba == b->start_lba && a->record == b->record;
}

enum err ntfs_written(const struct file *file, uint64_t *time, struct fail *f)
{
    const struct ntfs_file *nf = file->ctx;
    struct ntfs *vol = nf->vol;
    size_t mark = arena_mark(vol->arena);
    struct ntfs_standard_information info;
    struct ntfs_inode inode;
    struct ntfs_attr attr = {0};
    ntfs_limit_reads(vol, NTFS_READ_LIMIT);
    enum err err = ntfs_inode_open(vol, nf->record, &inode, f);
    if (!err)
        err = ntfs_attr_open(vol, &inode, NTFS_ATTR_STANDARD_INFORMATION, NULL, 0, &attr, f);
    if (!err && (!attr.present || attr.size < sizeof info))
        err = fail(f, ERR_CORRUPT, "the file in MFT record %u has no times", nf->record);
    if (!err)
        err = ntfs_attr_read(vol, &attr, 0, &info, sizeof info, f);
    ntfs_unlimit_reads(vol);
    *time = err ? 0 : le64_get(info.written);
    arena_release(vol->arena, mark);
    return err;
}
