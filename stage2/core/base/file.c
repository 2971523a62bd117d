/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all files have in common: ranges checked, failures with the name of the file. */
#include "core/base/file.h"
#include "core/base/bounds.h"

enum err file_read(struct file *file, uint64_t off, void *buf, uint32_t len, struct fail *f)
{
    enum err err;
    if (!range_ok(off, len, file->size))
        err = fail(f, ERR_IMAGE, "byte %u is beyond the end of the file", off);
    else
        err = file->read(file, off, buf, len, f);
    return err ? fail_subject(f, file->path) : ERR_OK;
}

enum err file_extents(struct file *file, struct extent_list *list, struct arena *a, struct fail *f)
{
    enum err err = file->extents(file, list, a, f);
    return err ? fail_subject(f, file->path) : ERR_OK;
}

enum err file_writable_in_place(const struct file *file, const struct extent_list *list,
                                struct fail *f)
{
    if (file->initialized < file->size) {
        (void)fail(f, ERR_UNINIT,
                   "only the first %u bytes of the file were ever written: the disk is "
                   "write-protected until the file is copied once",
                   file->initialized);
        return fail_subject(f, file->path);
    }
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->extent[i].drive_lba == EXTENT_HOLE) {
            (void)fail(
                f, ERR_SPARSE,
                "the file has a hole at byte %u, where nothing can be written: it was copied "
                "as a sparse file, and the disk is write-protected until it is copied with "
                "cp --sparse=never",
                list->extent[i].file_sector << SECTOR_SHIFT);
            return fail_subject(f, file->path);
        }
    }
    return ERR_OK;
}

uint32_t extent_fragments(const struct extent_list *list)
{
    uint32_t runs = 0;
    for (uint32_t i = 0; i < list->count; i++)
        runs += list->extent[i].drive_lba != EXTENT_HOLE;
    return runs;
}

const struct extent *extent_find(const struct extent_list *list, uint64_t file_sector)
{
    uint32_t low = 0;
    uint32_t high = list->count;
    while (low < high) { /* ends: the interval shrinks every round */
        uint32_t middle = low + (high - low) / 2;
        const struct extent *e = &list->extent[middle];
        if (file_sector < e->file_sector)
            high = middle;
        else if (file_sector - e->file_sector >= e->count)
            low = middle + 1;
        else
            return e;
    }
    return NULL;
}
