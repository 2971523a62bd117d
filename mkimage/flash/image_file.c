/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image by itself, without its parents, for changes of its file. */
#include "flash/image_file.h"
#include <stdlib.h>
#include "core/chain/path.h"
#include "core/entry/volumes.h"
#include "core/ntfs/ntfs.h"
#include "core/raw/raw.h"
#include "core/vhd/vhd.h"
#include "core/vhdx/vhdx.h"
#include "flash/entry.h"
#include "flash/source.h"
#include "flash/target.h"
#include "host/device.h"
#include "host/fd.h"
#include "host/files.h"

enum status image_file_path(struct edit *e, const struct options *options, const char **path)
{
    static struct entry entry;
    struct fail f;
    enum status status = target_further(&e->session.target, options->drive, options->drives);
    *path = options->file;
    if (status || *path)
        return status;
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

bool image_file_host_io(void *ctx, uint64_t off, void *buf, size_t size, bool write)
{
    const struct device *device = ctx;
    return write ? fd_pwrite(device->fd, buf, size, off) : fd_pread(device->fd, buf, size, off);
}

bool image_file_flash_io(void *ctx, uint64_t off, void *buf, size_t size, bool write)
{
    const struct image_file_on *on = ctx;
    return write ? edit_write_at(on->edit, on->list, off, buf, size)
                 : edit_read_at(on->edit, on->list, off, buf, size);
}

/* Is the argument an image itself, and no disk that holds one? */
static enum status try_host(const struct options *options, image_file_host *on_host, bool *is_image)
{
    struct hostfiles files;
    struct file file;
    struct arena arena = {0};
    struct fail f;
    uint8_t drive;
    bool vhd = false, vhdx = false;
    *is_image = false;
    if (options->given & (OPTION_ENTRY | OPTION_FILE | OPTION_PARTITION | OPTION_DRIVE))
        return STATUS_OK;
    hostfiles_init(&files);
    enum status status = arena_open(&arena);
    if (!status && !files.files.open(&files.files, options->argument[0], &file, &drive, &f) &&
        !vhd_probe(&file, &vhd, &f) && (vhd || (!vhdx_probe(&file, &vhdx, &f) && vhdx))) {
        *is_image = true;
        status = on_host(options, &file, &arena);
    }
    hostfiles_close(&files);
    arena_close(&arena);
    return status;
}

enum status image_file_change(const struct options *options, const char *verb,
                              image_file_host *on_host, image_file_flash *on_flash)
{
    struct options o = *options;
    char *target = NULL;
    const char *path;
    if (o.entry && o.file)
        return say_usage("%s takes --entry or --file, not both", verb);
    if (source_on_target(o.argument[0], &target, &path)) {
        if (o.entry || o.file) {
            free(target);
            return say_usage("%s takes TARGET:/path, or --entry or --file, not both", verb);
        }
        o.argument[0] = target;
        o.file = path;
        o.given |= OPTION_FILE;
    }
    bool is_image = false;
    enum status status = try_host(&o, on_host, &is_image);
    if (!status && !is_image)
        status = on_flash(&o);
    free(target);
    return status;
}
