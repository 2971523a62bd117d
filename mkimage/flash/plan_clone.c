/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A flash as the plan of another one: file by file, so that its size is of no matter. Only reads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/bytes.h"
#include "core/base/arena.h"
#include "core/base/file.h"
#include "core/entry/config.h"
#include "core/entry/open.h"
#include "core/ntfs/format.h"
#include "core/ntfs/ntfs.h"
#include "flash/backup.h"
#include "flash/bootcode.h"
#include "flash/change.h"
#include "flash/clone_names.h"
#include "flash/origin.h"
#include "flash/plan.h"
#include "flash/sums.h"
#include "flash/sums_format.h"
#include "ntfs/mkfs.h"
#include "ntfs/volume.h"

/* A walk through the folders of the master, without recursion: those that were found, in turn. */
struct walk {
    struct flash_plan *plan;
    struct origin *origin;
    char *folder[FLASH_IMAGES_MAX];
    unsigned folders, at;
    enum status status;
};

/* What Windows keeps for this one volume, and what is made anew. */
static bool is_left_out(const char *path)
{
    static const char *const own[] = {
        BOOT_STAGE2_PATH, BOOT_CONFIG_PATH, SUMS_PATH, BACKUP_PATH, "\\System Volume Information",
        "\\$RECYCLE.BIN"};
    for (unsigned i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (volume_same_path(path, own[i]))
            return true;
    }
    return false;
}

/* Notes a file down; it is opened when no folder is being read any more. */
static enum status note_file(struct walk *w, char *path)
{
    struct flash_plan *plan = w->plan;
    if (plan->count == FLASH_IMAGES_MAX) {
        free(path);
        return say_error("Copy the drive as a whole (dd).", "%s: has more than %u files",
                         w->origin->real, FLASH_IMAGES_MAX);
    }
    plan->image[plan->count++] =
        (struct flash_image){.fd = -1, .origin = w->origin, .source = path, .path = path};
    return STATUS_OK;
}

/* On the clone names are compared as Windows compares them: alike ones would be one file. */
static enum status refuse_alike(const struct flash_plan *plan, unsigned index)
{
    const char *path = plan->image[index].path;
    for (unsigned i = 0; i < index; i++) {
        if (volume_same_path(plan->image[i].path, path))
            return say_error("Rename one of them.", "%s: differs from %s only in case", path,
                             plan->image[i].path);
    }
    return STATUS_OK;
}

static enum status open_file(struct origin *origin, struct flash_image *image)
{
    struct fail f;
    if (ntfs_open(&origin->target.volume, image->path, &image->file, &f))
        return say_fail(&f);
    image->size = image->file.size;
    snprintf(image->kind, sizeof image->kind, "%s", bytes_text(image->size));
    if (!volume_name_ok(image->path)) /* Windows itself makes no such names */
        return say_error("Rename it.", "%s: NTFS takes no such name", image->path);
    return asprintf(&image->real, "%s:%s", origin->real, image->path) < 0 ? say_no_memory()
                                                                          : STATUS_OK;
}

/* Two names of one file: what is written by one is not seen by the other any more. */
static void warn_of_link(const struct flash_plan *plan, unsigned index)
{
    struct ntfs_identity own = ntfs_identify(&plan->image[index].file);
    for (unsigned i = 0; i < index; i++) {
        struct ntfs_identity other = ntfs_identify(&plan->image[i].file);
        if (!ntfs_same_file(&own, &other))
            continue;
        say_warning("%s: is another name of %s, and becomes a file of its own",
                    plan->image[index].path, plan->image[i].path);
        return;
    }
}

static bool clone_each(void *ctx, const struct ntfs_dirent *entry)
{
    struct walk *w = ctx;
    char *path;
    if (asprintf(&path, "%s\\%s", w->folder[w->at], entry->name) < 0) {
        w->status = say_no_memory();
        return false;
    }
    if (is_left_out(path) || entry->attributes & NTFS_FILE_REPARSE) {
        if (!is_left_out(path))
            say_warning("%s: is a link, and is not copied", path);
        free(path);
    } else if (!entry->directory) {
        w->status = note_file(w, path);
    } else if (w->folders == FLASH_IMAGES_MAX) {
        free(path);
        w->status = say_error("Copy the drive as a whole (dd).", "%s: has more than %u folders",
                              w->origin->real, FLASH_IMAGES_MAX);
    } else {
        w->folder[w->folders++] = path;
    }
    return !w->status;
}

static enum status clone_files(struct flash_plan *plan, struct origin *origin)
{
    struct walk w = {.plan = plan, .origin = origin, .folders = 1};
    struct fail f;
    w.folder[0] = strdup("");
    if (!w.folder[0])
        return say_no_memory();
    for (; !w.status && w.at < w.folders; w.at++) { /* ends: the list has a limit */
        if (ntfs_list(&origin->target.volume, w.at ? w.folder[w.at] : "\\", clone_each, &w, &f))
            w.status = say_fail(&f);
    }
    for (unsigned i = 0; !w.status && i < plan->count; i++) {
        w.status = refuse_alike(plan, i);
        if (!w.status)
            w.status = open_file(origin, &plan->image[i]);
        if (!w.status)
            warn_of_link(plan, i);
    }
    while (w.folders)
        free(w.folder[--w.folders]);
    return w.status;
}

/* The master's config, and which images it writes to. */
static enum status clone_config(struct flash_plan *plan, struct origin *origin)
{
    struct config *config = arena_alloc(&origin->target.arena, sizeof *config);
    if (!config)
        return say_no_memory();
    enum status status = clone_names_config(plan, origin, config);
    if (!status)
        flash_plan_writers(plan, plan->config_size ? config : NULL);
    return status;
}

enum status flash_plan_clone(struct flash_plan *plan, const struct options *options,
                             const char *master)
{
    struct origin *origin;
    *plan = (struct flash_plan){.is_clone = true};
    enum status status = origin_open(&plan->origins, master, &origin);
    if (!status)
        status = change_allowed(&origin->target); /* what is on it is what it shall be */
    if (status)
        return flash_plan_finish(plan, 0, status);
    const char *label = origin->target.volume.label;
    plan->label = options->label ? options->label : *label ? label : "VHDBOOT";
    status = clone_files(plan, origin);
    if (!status)
        status = clone_config(plan, origin);
    if (!status)
        status = clone_names_store(plan, origin);
    return flash_plan_finish(plan, plan->config_size + stage2_size() + 2 * MKFS_CLUSTER, status);
}
