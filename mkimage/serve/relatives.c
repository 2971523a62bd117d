/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks through two folders, at what their files say of themselves. Only reads. */
#include "serve/relatives.h"
#include <dirent.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "core/vhd/vhd.h"
#include "core/vhdx/vhdx.h"
#include "host/files.h"

static bool named_like_image(const char *name)
{
    static const char *const endings[] = {".vhd", ".vhdx", ".avhd", ".avhdx"};
    const char *dot = strrchr(name, '.');
    for (unsigned i = 0; dot && i < sizeof endings / sizeof endings[0]; i++) {
        if (!strcasecmp(dot, endings[i]))
            return true;
    }
    return false;
}

static bool is_child_of(const char *path, const struct image *parent, struct arena *arena)
{
    struct hostfiles host;
    struct file file;
    struct image image = {0};
    struct fail f;
    uint8_t drive;
    bool child = false;
    size_t mark = arena_mark(arena);
    hostfiles_init(&host);
    enum err err = host.files.open(&host.files, path, &file, &drive, &f);
    if (!err)
        err = parent->format == IMAGE_VHD ? vhd_open(&image, &file, arena, &f)
                                          : vhdx_open(&image, &file, arena, &f);
    for (unsigned i = 0; !err && image.kind == IMAGE_DIFFERENCING && i < image.parent_ids; i++)
        child |= !memcmp(image.parent_id[i], parent->id, sizeof parent->id);
    hostfiles_close(&host);
    arena_release(arena, mark);
    return child;
}

static enum status folder_look(const char *beside, const char *parent_path,
                               const struct image *parent, const char *child, struct arena *arena)
{
    enum status status = STATUS_OK;
    char *copy = strdup(beside);
    const char *folder = copy ? dirname(copy) : NULL;
    DIR *dir = folder ? opendir(folder) : NULL;
    for (struct dirent *d; !status && dir && (d = readdir(dir));) {
        char *path = NULL;
        if (!named_like_image(d->d_name) || asprintf(&path, "%s/%s", folder, d->d_name) < 0)
            continue;
        if (strcmp(path, child) && strcmp(path, parent_path) && is_child_of(path, parent, arena))
            status = say_error("Merge or remove that one first.", "%s: is a child of %s too", path,
                               parent_path);
        free(path);
    }
    if (dir)
        closedir(dir);
    free(copy);
    return status;
}

enum status relatives_refuse(const char *parent_path, const struct image *parent, const char *child,
                             struct arena *arena)
{
    enum status status = folder_look(parent_path, parent_path, parent, child, arena);
    return status ? status : folder_look(child, parent_path, parent, child, arena);
}
