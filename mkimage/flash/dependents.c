/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A walk through all folders of the volume, without recursion. An image that cannot be opened is
 * told and passed over; nothing is followed that leads out of the tree.
 */
#include "flash/dependents.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "core/base/arena.h"
#include "core/ntfs/format.h"
#include "core/ntfs/ntfs.h"
#include "core/vhd/vhd.h"

/* A volume's folders are a tree; one that is damaged might lead round. */
#define FOLDERS_MAX 1000000u

/* Paths that are still to be looked at. */
struct list {
    char **path;
    size_t count, capacity;
};

struct walk {
    struct list folders, images;
    const char *folder; /* the one being listed */
    bool out_of_memory;
};

static bool list_add(struct list *list, const char *folder, const char *name)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 64;
        char **path = realloc(list->path, capacity * sizeof *path);
        if (!path)
            return false;
        list->path = path;
        list->capacity = capacity;
    }
    return asprintf(&list->path[list->count], "%s\\%s", folder, name) >= 0 && ++list->count;
}

static void list_free(struct list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->path[i]);
    free(list->path);
}

static bool each(void *ctx, const struct ntfs_dirent *entry)
{
    struct walk *w = ctx;
    const char *dot = strrchr(entry->name, '.');
    bool ok = true;
    if (entry->attributes & NTFS_FILE_REPARSE)
        return true;
    if (entry->directory)
        ok = list_add(&w->folders, w->folder, entry->name);
    else if (dot && (!strcasecmp(dot, ".vhd") || !strcasecmp(dot, ".avhd")))
        ok = list_add(&w->images, w->folder, entry->name);
    w->out_of_memory = !ok;
    return ok;
}

/* All images of the volume, folder by folder. */
static enum status find_images(struct target *t, struct walk *w)
{
    struct fail f;
    w->folder = "";
    if (ntfs_list(&t->volume, "\\", each, w, &f))
        return say_fail(&f);
    for (size_t i = 0; i < w->folders.count && !w->out_of_memory; i++) {
        if (i == FOLDERS_MAX)
            return say_error("Run chkdsk on it.", "%s: has more than %u folders", t->device.path,
                             FOLDERS_MAX);
        w->folder = w->folders.path[i];
        if (ntfs_list(&t->volume, w->folder, each, w, &f))
            return say_fail(&f);
    }
    return w->out_of_memory ? say_no_memory() : STATUS_OK;
}

/* Does the image at `path` name this parent? */
static bool is_child(struct target *t, const char *path, const struct image *parent,
                     struct file *except)
{
    struct file file;
    struct image image;
    struct fail f;
    size_t mark = arena_mark(&t->arena);
    bool child = false;
    bool is_vhd = false;
    enum err err = ntfs_open(&t->volume, path, &file, &f);
    if (!err)
        err = vhd_probe(&file, &is_vhd, &f);
    if (!err && is_vhd)
        err = vhd_open(&image, &file, &t->arena, &f);
    if (!err && is_vhd && image.kind == IMAGE_DIFFERENCING)
        child = !memcmp(image.parent_id[0], parent->id, sizeof parent->id) &&
                (!except || !target_same_file(t, &file, except));
    if (err)
        say_warning("%s: cannot be opened, so its parent is not known", path);
    arena_release(&t->arena, mark);
    return child;
}

enum status dependents_find(struct target *t, const struct image *image, struct file *except,
                            char **child)
{
    struct walk w = {0};
    *child = NULL;
    enum status status = find_images(t, &w);
    for (size_t i = 0; !status && !*child && i < w.images.count; i++) {
        if (!is_child(t, w.images.path[i], image, except))
            continue;
        *child = strdup(w.images.path[i]);
        if (!*child)
            status = say_no_memory();
    }
    list_free(&w.folders);
    list_free(&w.images);
    return status;
}
