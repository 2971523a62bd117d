/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image of TARGET by itself, without its parents, for changes of its file. Only reads. */
#include "flash/image_file.h"
#include "core/chain/path.h"
#include "core/entry/volumes.h"
#include "core/ntfs/ntfs.h"
#include "core/raw/raw.h"
#include "core/vhd/vhd.h"
#include "core/vhdx/vhdx.h"
#include "flash/entry.h"
#include "flash/target.h"

enum status image_file_path(struct edit *e, const struct options *options, const char **path)
{
    static struct entry entry;
    struct fail f;
    *path = options->file;
    if (*path)
        return STATUS_OK;
    entry = (struct entry){0};
    if (entry_choose(&entry, &e->session.target, options->entry, &f)) {
        (void)fail_subject(&f, e->path);
        return say_fail(&f);
    }
    *path = entry.chosen->vhd;
    if (entry.chosen->start.kind != START_IMAGE)
        return say_error("Name another --entry, or a --file.", "%s: entry %s starts no image",
                         e->path, entry.chosen->name);
    return STATUS_OK;
}

enum status image_file_open(struct edit *e, const char *path, struct image *image,
                            struct file *file, struct extent_list *list)
{
    struct fail f;
    struct arena *arena = &e->session.target.arena;
    bool is_vhd = false, is_vhdx = false, is_raw = false;
    struct volumes *volumes = &e->session.target.volumes;
    unsigned volume = 0;
    enum err err = chain_path_volume(path) ? volumes_find(volumes, &f) : ERR_OK;
    if (!err)
        err = volumes_open(volumes, path, file, &volume, &f);
    if (!err && volume)
        return say_error("Name the disk that it lies on as TARGET, with its partition.",
                         "%s: lies on another volume", path);
    if (!err)
        err = vhd_probe(file, &is_vhd, &f);
    if (!err && !is_vhd)
        err = vhdx_probe(file, &is_vhdx, &f);
    if (!err && !is_vhd && !is_vhdx)
        err = raw_probe(file, path, &is_raw, &f);
    if (!err && is_raw)
        err = raw_open(image, file, &f);
    else if (!err)
        err = is_vhdx ? vhdx_open(image, file, arena, &f) : vhd_open(image, file, arena, &f);
    if (!err && image->kind == IMAGE_FIXED && image->check)
        err = image->check(image, arena, &f);
    if (!err)
        err = file_extents(file, list, arena, &f);
    if (!err)
        err = file_writable_in_place(file, list, &f);
    if (!err)
        return STATUS_OK;
    (void)fail_subject(&f, path);
    return say_fail_advice(&f, err == ERR_NOT_FOUND ? "Check the name." : NULL);
}
