/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage add: images, with their parents, and entries for them onto a flash that exists. The
 * images are complete on the drive before the menu leads to them. What lies there already with the
 * same content is taken as it is: so a second run ends what a cut one began.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "cli/bytes.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "core/base/image.h"
#include "core/chain/chain.h"
#include "core/chain/path.h"
#include "core/entry/config.h"
#include "core/entry/open.h"
#include "core/ntfs/ntfs.h"
#include "flash/config_entries.h"
#include "flash/edit.h"
#include "flash/entry.h"
#include "flash/lineage.h"
#include "flash/needed.h"
#include "flash/plan.h"
#include "flash/sums.h"
#include "image/slack.h"
#include "ntfs/volume.h"
#include "verbs/verbs.h"

#define SLACK_MAX ((uint64_t)4 << 30) /* where --reserve does not say how much */

struct add {
    const struct options *options;
    struct lineage lineage;
    struct flash_plan plan;
    bool there[FLASH_IMAGES_MAX]; /* with the same content already */
    uint32_t pieces[FLASH_IMAGES_MAX];
    char *name[FLASH_IMAGES_MAX];    /* of its entry; NULL where none is made */
    char *starter[FLASH_IMAGES_MAX]; /* an entry that starts it already */
    enum write_mode write;
    bool was_empty; /* the menu, before */
    struct lineage_config config;
};

static enum status check_options(struct add *a)
{
    const struct options *o = a->options;
    if (!o->vhds)
        return say_usage("add needs --vhd FILE");
    if ((o->title || o->name) && o->vhds > 1)
        return say_usage("--%s is for one image", o->title ? "title" : "name");
    if (o->write && !entry_write_mode(o->write, &a->write))
        return say_usage("--write %s: takes persistent, discard or none", o->write);
    return STATUS_OK;
}

/* TARGET may be a disk image that looks like a disk to be put on itself. */
static enum status check_source(const struct add *a, const struct flash_image *image)
{
    struct stat own, other;
    if (image->fd >= 0 && !fstat(a->lineage.edit.session.device.fd, &own) &&
        !fstat(image->fd, &other) && own.st_dev == other.st_dev && own.st_ino == other.st_ino)
        return say_error("Name another file.", "%s: is TARGET itself", image->source);
    return STATUS_OK;
}

/* Is the image's place free, or does the same lie there? */
static enum status look_at_place(struct add *a, unsigned i)
{
    const struct flash_image *image = &a->plan.image[i];
    struct file file;
    struct fail f;
    enum err err = ntfs_open(&a->lineage.edit.session.target.volume, image->path, &file, &f);
    if (err == ERR_NOT_FOUND)
        return STATUS_OK;
    if (err)
        return say_fail(&f);
    enum status status = flash_image_is(image, &file, &a->there[i]);
    if (!status && !a->there[i])
        status = say_error(
            image->is_parent ? "Rename or remove that one, or put the child into another folder."
                             : "Choose another --name, or use mkimage replace.",
            "%s: is there already, with other content than %s", image->path, image->source);
    return status;
}

static enum status plan_room(struct add *a)
{
    const struct options *o = a->options;
    struct flash_plan *plan = &a->plan;
    uint64_t free_bytes = 0, needed = 0;
    enum status status = edit_free(&a->lineage.edit, &free_bytes);
    for (unsigned i = 0; i < plan->count; i++) {
        plan->image[i].grows = plan->image[i].grows && !a->there[i];
        needed += a->there[i] ? 0 : plan->image[i].size;
    }
    if (!status && needed > free_bytes)
        return say_error("Remove what is not needed, or use a larger drive.",
                         "%s: no room: %s are needed, and %s are free", a->lineage.edit.path,
                         bytes_text(needed), bytes_text(free_bytes));
    if (status)
        return status;
    if (o->given & OPTION_RESERVE)
        return flash_plan_slack(plan, o->reserve);
    flash_plan_share_slack(plan, (free_bytes - needed) / 2, SLACK_MAX);
    return STATUS_OK;
}

/* Is what is to be written to a parent of something? */
static enum status check_child(struct add *a, unsigned i, const char *writer)
{
    const struct flash_image *from = &a->plan.image[i];
    struct image image = {.format = from->format};
    struct ntfs_identity own = {0};
    struct file file;
    struct fail f;
    memcpy(image.id, from->id, sizeof image.id);
    if (a->there[i] && !ntfs_open(&a->lineage.edit.session.target.volume, from->path, &file, &f))
        own = ntfs_identify(&file);
    return from->is_raw ? STATUS_OK
                        : needed_no_child(&a->lineage, &image, &own, from->path, writer);
}

/* The entry that starts image `i` already, or will when it is there; NULL where there is none. */
static const struct config_entry *find_starter(struct add *a, unsigned i)
{
    struct lineage *l = &a->lineage;
    const char *path = a->plan.image[i].path;
    struct file file;
    struct fail f;
    struct ntfs_identity own = {0};
    bool there = !ntfs_open(&l->edit.session.target.volume, path, &file, &f);
    if (there)
        own = ntfs_identify(&file);
    for (unsigned k = 0; k < l->text.config.count; k++) {
        const struct config_entry *e = &l->text.config.entry[k];
        if (there ? lineage_starts_file(l, k, &own)
                  : !chain_path_volume(e->vhd) && volume_same_path(e->vhd, path))
            return e;
    }
    return NULL;
}

/* An entry for image `i`, where none starts it yet. */
static enum status plan_entry(struct add *a, unsigned i)
{
    struct lineage *l = &a->lineage;
    struct target *t = &l->edit.session.target;
    const char *path = a->plan.image[i].path;
    const struct config_entry *starter = find_starter(a, i);
    bool writes = starter ? entry_keeps_writes(starter) : a->write == WRITE_PERSISTENT;
    enum status status =
        writes ? check_child(a, i, starter ? starter->name : "of its own") : STATUS_OK;
    if (starter || status) {
        a->starter[i] = starter ? strdup(starter->name) : NULL;
        return status;
    }
    a->name[i] = config_entries_name(&l->text, path);
    if (!a->name[i])
        return say_no_memory();
    const char *title = a->options->title ? a->options->title : a->name[i];
    struct config_entry entry = {
        .name = a->name[i], .title = title, .vhd = path, .write = a->write};
    return config_entries_add(&l->text, &entry, &t->arena);
}

static enum status plan(struct add *a)
{
    struct lineage *l = &a->lineage;
    enum status status = STATUS_OK;
    for (unsigned i = 0; !status && i < a->plan.count; i++) {
        status = check_source(a, &a->plan.image[i]);
        if (!status)
            status = look_at_place(a, i);
        if (!status && a->plan.image[i].is_parent)
            status = needed_no_writer(&a->lineage, a->plan.image[i].path);
    }
    if (!status)
        status = plan_room(a);
    a->was_empty = !l->text.config.count;
    if (!status)
        status = lineage_complete(l, &a->config);
    for (unsigned i = 0; !status && i < a->plan.count; i++) {
        if (!a->plan.image[i].is_parent)
            status = plan_entry(a, i);
    }
    return status ? status : lineage_keep_then(l, &a->config);
}

static enum status fill(void *ctx, struct volume *v, const struct placement *p)
{
    return flash_image_fill(v, ctx, p, true);
}

/* Parents first. */
static enum status put_images(struct add *a)
{
    struct edit *e = &a->lineage.edit;
    uint64_t total = 0;
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < a->plan.count; i++)
        total += a->there[i] ? 0 : flash_image_size(&a->plan.image[i]);
    if (!e->rehearsal)
        progress_start("copying", total);
    for (unsigned i = a->plan.count; !status && i--;) {
        struct flash_image *image = &a->plan.image[i];
        struct edit_content content = {.size = flash_image_size(image), .fill = fill, .ctx = image};
        if (!a->there[i])
            status = edit_put(e, image->path, &content, &a->pieces[i]);
    }
    progress_end();
    return status;
}

/* Sums of what was put there, and of what was there without one. In a rehearsal they are zeros. */
static enum status put_sums(struct add *a)
{
    struct edit *e = &a->lineage.edit;
    struct sums sums;
    bool any = false;
    enum status status = sums_read(&sums, &e->session.target.volume);
    for (unsigned i = 0; !status && i < a->plan.count; i++) {
        const struct flash_image *image = &a->plan.image[i];
        bool written = !image->is_parent && a->write == WRITE_PERSISTENT;
        if (a->there[i] && sums_find(&sums, image->path))
            continue;
        any = true;
        status = a->there[i] ? sums_set_file(&sums, e, image->path, written)
                             : sums_set(&sums, image->path, image->digest, written);
    }
    if (!status && any)
        status = sums_put(e, &sums);
    sums_free(&sums);
    return status;
}

/* Opens what was put there as the machine will. */
static enum status look_again(struct add *a)
{
    static struct chain chain;
    struct target *t = &a->lineage.edit.session.target;
    struct fail f;
    for (unsigned i = 0; i < a->plan.count; i++) {
        struct config_entry entry = {.name = "", .title = "", .vhd = a->plan.image[i].path};
        if (!a->plan.image[i].is_parent &&
            boot_open_chain(&chain, &entry, &t->volumes, &t->arena, &f))
            return say_fail(&f);
    }
    return STATUS_OK;
}

/* All that is written; in a rehearsal, nothing is. */
static enum status make(struct add *a)
{
    struct lineage *l = &a->lineage;
    bool real = !l->edit.rehearsal, entries = false;
    for (unsigned i = 0; i < a->plan.count; i++)
        entries |= a->name[i] != NULL;
    bool before = entries && (a->config.first || a->was_empty);
    enum status status = STATUS_OK;
    if (before) /* else what lies in the root folder would be in the menu by itself for a time */
        status = a->was_empty ? lineage_put_then(l, &a->config) : lineage_put_first(l, &a->config);
    if (!status && real && before)
        status = lineage_reopen_menu(l);
    if (!status)
        status = put_images(a);
    if (!status && real)
        status = lineage_reopen_menu(l);
    if (!status && real)
        status = look_again(a);
    if (!status)
        status = put_sums(a);
    return status || !entries || a->was_empty ? status : lineage_put_then(l, &a->config);
}

static void report(const struct add *a)
{
    bool dry = a->options->dry_run;
    for (unsigned i = 0; i < a->plan.count; i++) {
        const struct flash_image *image = &a->plan.image[i];
        char slack[100] = "", pieces[40] = "";
        uint32_t slots = image->grows ? slack_left(&image->slack) + image->slots : 0;
        if (slots)
            snprintf(slack, sizeof slack, ", slack for %s", slack_text(&image->slack, slots));
        if (a->pieces[i])
            snprintf(pieces, sizeof pieces, ", %" PRIu32 " fragment%s", a->pieces[i],
                     a->pieces[i] == 1 ? "" : "s");
        if (a->there[i])
            say("%s: is there already, with the same content", image->path);
        else
            say("%s: %s%s%s%s", image->path, dry ? "would be added: " : "", image->kind, pieces,
                slack);
        if (a->name[i])
            say("%s: entry %s, write = %s", image->path, a->name[i],
                entry_write_name(&(struct config_entry){.write = a->write}));
        else if (a->starter[i])
            say("%s: entry %s starts it already", image->path, a->starter[i]);
        if (image->no_system && !image->is_parent)
            entry_warn_no_system(image->path, image->no_system);
    }
}

enum status verb_add(const struct options *options)
{
    struct add *a = calloc(1, sizeof *a);
    if (!a)
        return say_no_memory();
    a->options = options;
    enum status status = check_options(a);
    if (!status)
        status = flash_plan_add(&a->plan, options, options->name, a->write == WRITE_PERSISTENT);
    bool planned = !status;
    if (!status)
        status = lineage_open_menu(&a->lineage, options);
    bool opened = !status && planned;
    if (!status)
        status = plan(a);
    if (!status) {
        edit_rehearse(&a->lineage.edit);
        status = make(a);
        edit_end_rehearsal(&a->lineage.edit);
    }
    if (!status)
        report(a);
    if (!status && !options->dry_run)
        status = make(a);
    lineage_config_free(&a->config);
    if (opened)
        lineage_close(&a->lineage);
    if (planned)
        flash_plan_free(&a->plan);
    for (unsigned i = 0; i < FLASH_IMAGES_MAX; i++) {
        free(a->name[i]);
        free(a->starter[i]);
    }
    free(a);
    return status;
}
