/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens $MFT, the root directory and the file as core does, and counts. */
#include "core/ntfs/boot_path.h"
#include "core/base/arena.h"
#include "core/base/text.h"
#include "core/ntfs/attr.h"
#include "core/ntfs/format.h"
#include "core/ntfs/inode.h"
#include "core/ntfs/lookup.h"
#include "core/ntfs/ntfs.h"
#include "core/ntfs/path.h"
#include "core/ntfs/record.h"
#include "core/ntfs/upcase.h"

/* The runs of one attribute of MFT record `reference`. */
static enum err measure(struct ntfs *vol, uint64_t reference, uint32_t type,
                        const struct ntfs_name *name, uint32_t *runs, uint32_t *list_bytes,
                        struct fail *f)
{
    size_t mark = arena_mark(vol->arena);
    struct ntfs_inode inode;
    struct ntfs_attr attr;
    enum err err = ntfs_inode_open(vol, reference, &inode, f);
    if (!err)
        err = ntfs_attr_open(vol, &inode, type, name->units, name->length, &attr, f);
    arena_release(vol->arena, mark);
    if (err)
        return err;
    *runs = attr.present && !attr.resident ? attr.runs.count : 0;
    if (inode.list && inode.list_size > *list_bytes)
        *list_bytes = inode.list_size;
    return ERR_OK;
}

enum err ntfs_boot_path_measure(struct ntfs *vol, const char *name, struct ntfs_boot_path *path,
                                struct fail *f)
{
    *path = (struct ntfs_boot_path){0};
    uint8_t units[2 * NTFS_NAME_MAX], stored[2 * NTFS_NAME_MAX], length, stored_length;
    uint64_t reference;
    if (!ntfs_units_from_utf8(name, text_length(name), units, &length))
        return fail(f, ERR_NOT_FOUND, "this is no file's name", 0);
    enum err err =
        ntfs_lookup(vol, NTFS_ROOT, units, length, &reference, stored, &stored_length, f);
    if (!err)
        err = ntfs_lookup_in_order(vol, NTFS_ROOT, units, length, &path->in_order, f);

    const struct ntfs_name unnamed = {0};
    const struct ntfs_name index = {ntfs_name_i30, sizeof ntfs_name_i30 / 2};
    if (!err)
        err =
            measure(vol, NTFS_MFT, NTFS_ATTR_DATA, &unnamed, &path->mft_runs, &path->list_bytes, f);
    if (!err)
        err = measure(vol, NTFS_ROOT, NTFS_ATTR_INDEX_ALLOCATION, &index, &path->root_runs,
                      &path->list_bytes, f);
    if (!err)
        err = measure(vol, reference, NTFS_ATTR_DATA, &unnamed, &path->file_runs, &path->list_bytes,
                      f);
    return err;
}
