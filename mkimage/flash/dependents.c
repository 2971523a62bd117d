/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A walk through all folders of every volume, without recursion; nothing is followed that leads out
 * of a tree. Three reads a file tell whether it is an image.
 */
#include "flash/dependents.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "cli/progress.h"
#include "core/base/arena.h"
#include "core/base/file.h"
#include "core/chain/chain.h"
#include "core/ntfs/format.h"
#include "core/vhd/vhd.h"
#include "core/vhdx/vhdx.h"

/* A volume's folders are a tree; one that is damaged might lead round. */
#define FOLDERS_MAX     1000000u

/* A differencing image has more: footers, a header and a table. */
#define IMAGE_BYTES_MIN 2048u

/* Paths that are still to be looked at. */
struct list {
    char **path;
    size_t count, capacity;
};

struct walk {
    struct target *target;
    struct ntfs *volume;
    struct list folders, files;
    uint64_t bytes;     /* of the files, as far as folders tell */
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
    if (entry->attributes & NTFS_FILE_REPARSE)
        return true;
    w->bytes += entry->directory ? 0 : entry->size;
    w->out_of_memory =
        !list_add(entry->directory ? &w->folders : &w->files, w->folder, entry->name);
    return !w->out_of_memory;
}

/* All files of the volume, folder by folder. */
static enum err find_files(struct walk *w, struct fail *f)
{
    w->folder = "";
    enum err err = ntfs_list(w->volume, "\\", each, w, f);
    for (size_t i = 0; !err && i < w->folders.count && !w->out_of_memory; i++) {
        if (i == FOLDERS_MAX)
            return fail(f, ERR_CORRUPT, "the volume has more than %u folders", FOLDERS_MAX);
        w->folder = w->folders.path[i];
        err = ntfs_list(w->volume, w->folder, each, w, f);
    }
    return err;
}

static bool named_like_an_image(const char *path)
{
    static const char *const suffixes[] = {".vhd", ".avhd", ".vhdx", ".avhdx"};
    const char *dot = strrchr(path, '.');
    for (unsigned i = 0; dot && i < sizeof suffixes / sizeof suffixes[0]; i++) {
        if (!strcasecmp(dot, suffixes[i]))
            return true;
    }
    return false;
}

/* The path as messages name it. */
static char *full_path(const struct walk *w, const char *path)
{
    const struct ntfs *volume = w->volume;
    char *full;
    if (volume == &w->target->volume)
        return strdup(path);
    int length = *volume->label ? asprintf(&full, "%s:%s", volume->label, path)
                                : asprintf(&full, "%016" PRIX64 ":%s", volume->serial, path);
    return length < 0 ? NULL : full;
}

static enum err open_on(struct chain_files *files, const char *path, struct file *file,
                        uint8_t *drive_index, struct fail *f)
{
    *drive_index = 0;
    return ntfs_open(files->ctx, path, file, f);
}

/* The parent as the loader finds it: two copies of a family do not stand on each other's parents.
 */
static void find_parent(struct dependent *x, const struct walk *w, const char *path)
{
    static struct chain chain;
    struct chain_files files = {.open = open_on, .ctx = w->volume};
    struct fail ignored; /* it may end further up */
    (void)!chain_open(&chain, &files, path, &w->target->arena, &ignored);
    x->parent_found = chain.count > 1;
    if (x->parent_found)
        x->parent = ntfs_identify(&chain.link[1]->file);
}

static bool remember(struct dependents *d, const struct walk *w, const char *path,
                     const struct file *file, const struct image *image)
{
    struct dependent *more = realloc(d->image, (d->count + 1) * sizeof *more);
    if (!more)
        return false;
    d->image = more;
    struct dependent *x = &more[d->count];
    *x = (struct dependent){.path = full_path(w, path),
                            .on_volume = w->volume == &w->target->volume,
                            .file = ntfs_identify(file),
                            .format = image->format,
                            .parent_ids = image->parent_ids};
    memcpy(x->id, image->id, sizeof x->id);
    memcpy(x->merge_id, image->merge_id, sizeof x->merge_id);
    memcpy(x->parent_id, image->parent_id, sizeof x->parent_id);
    find_parent(x, w, path);
    d->count += x->path != NULL;
    return x->path;
}

/* Notes down the file where it is an image that has a parent. A VHD with a damaged table still
 * tells its parent's id. */
static enum status look_at(struct dependents *d, const struct walk *w, const char *path)
{
    struct arena *arena = &w->target->arena;
    struct file file;
    struct image image = {0};
    struct fail f;
    size_t mark = arena_mark(arena);
    bool is_vhd = false, is_vhdx = false, kept = true;
    enum err err = ntfs_open(w->volume, path, &file, &f);
    bool large = !err && file.size >= IMAGE_BYTES_MIN;
    if (large)
        err = vhd_probe(&file, &is_vhd, &f);
    if (large && !err && !is_vhd)
        err = vhdx_probe(&file, &is_vhdx, &f);
    if (!err && is_vhd)
        err = vhd_open(&image, &file, arena, &f);
    else if (!err && is_vhdx)
        err = vhdx_open(&image, &file, arena, &f);
    if (image.kind == IMAGE_DIFFERENCING && image.parent_ids)
        kept = remember(d, w, path, &file, &image);
    else if (err && (is_vhd || is_vhdx || named_like_an_image(path)))
        say_warning("%s: cannot be opened, so its parent is not known", path);
    arena_release(arena, mark);
    progress_add(file.size);
    return kept ? STATUS_OK : say_no_memory();
}

/* A volume besides TARGET's own that cannot be walked is told and passed over. */
static enum status look_through(struct dependents *d, struct target *t, struct ntfs *volume)
{
    struct walk w = {.target = t, .volume = volume};
    struct fail f;
    enum status status = STATUS_OK;
    enum err err = find_files(&w, &f);
    if (err) {
        (void)fail_subject(&f, t->device.path);
        status = volume == &t->volume ? say_fail(&f) : STATUS_OK;
        if (!status)
            say_warning("volume %s cannot be searched for images that depend on this one",
                        *volume->label ? volume->label : "without a label");
    }
    if (!status && w.out_of_memory)
        status = say_no_memory();
    progress_start("looking for images that depend on it", w.bytes);
    for (size_t i = 0; !status && i < w.files.count; i++)
        status = look_at(d, &w, w.files.path[i]);
    progress_end();
    list_free(&w.folders);
    list_free(&w.files);
    return status;
}

enum status dependents_list(struct dependents *d, struct target *t)
{
    struct fail f;
    *d = (struct dependents){0};
    enum status status = volumes_find(&t->volumes, &f) ? say_fail(&f) : STATUS_OK;
    for (unsigned i = 0; !status && i < t->volumes.count; i++)
        status = look_through(d, t, t->volumes.volume[i].ntfs);
    if (status)
        dependents_free(d);
    return status;
}

void dependents_free(struct dependents *d)
{
    for (size_t i = 0; i < d->count; i++)
        free(d->image[i].path);
    free(d->image);
    *d = (struct dependents){0};
}

bool dependents_names(enum image_format format, const uint8_t id[][16], unsigned ids,
                      const struct image *parent)
{
    for (unsigned i = 0; format == parent->format && i < ids; i++) {
        if (!memcmp(id[i], parent->id, sizeof parent->id))
            return true;
    }
    return false;
}

static bool stands_on(const struct dependent *x, const struct image *parent,
                      const struct ntfs_identity *file)
{
    return dependents_names(x->format, x->parent_id, x->parent_ids, parent) &&
           (!x->parent_found || ntfs_same_file(&x->parent, file));
}

const struct dependent *dependents_of(const struct dependents *d, const struct image *parent,
                                      const struct ntfs_identity *file,
                                      const struct ntfs_identity *except)
{
    for (size_t i = 0; i < d->count; i++) {
        const struct dependent *x = &d->image[i];
        if (stands_on(x, parent, file) && !(except && ntfs_same_file(&x->file, except)))
            return x;
    }
    return NULL;
}

const struct dependent *dependents_next(const struct dependents *d, const struct image *parent,
                                        const struct ntfs_identity *file,
                                        const struct dependent *last)
{
    for (size_t i = last ? (size_t)(last - d->image) + 1 : 0; i < d->count; i++) {
        if (stands_on(&d->image[i], parent, file) && !ntfs_same_file(&d->image[i].file, file))
            return &d->image[i];
    }
    return NULL;
}

/* A VHDX that was written to since does not find its parent any more where that one was, too. */
const struct dependent *dependents_merged(const struct dependents *d, const struct image *parent,
                                          const struct ntfs_identity *file,
                                          const struct dependent *last)
{
    bool vhdx = parent->format == IMAGE_VHDX;
    for (size_t i = last ? (size_t)(last - d->image) + 1 : 0; i < d->count; i++) {
        const struct dependent *x = &d->image[i];
        bool stands = stands_on(x, parent, file) || (vhdx && !x->parent_found);
        if (stands && x->format == parent->format &&
            !memcmp(x->merge_id, parent->merge_child, sizeof x->merge_id))
            return x;
    }
    return NULL;
}
