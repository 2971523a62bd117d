/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage replace: an image gets new content in one change, so it is the old one or the new one.
 * What stands on the old one would find another disk under it: such children are dropped before,
 * menu first, or left as they are, where the new image cannot be taken for their parent.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "cli/bytes.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "core/base/image.h"
#include "core/base/path.h"
#include "core/entry/config.h"
#include "core/ntfs/ntfs.h"
#include "flash/children.h"
#include "flash/config_text.h"
#include "flash/dependents.h"
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

struct replacement {
    const struct options *options;
    struct lineage lineage;
    struct needed old;
    struct flash_plan plan; /* one image */
    struct children children;
    bool drop, same, writes;
    struct lineage_config config;
    bool edits;
    uint32_t pieces;
};

/* --- Before TARGET is opened */

static enum status check_options(struct replacement *r)
{
    const struct options *o = r->options;
    if (o->vhds != 1)
        return say_usage("replace needs one --vhd FILE");
    if (!o->entry == !o->file)
        return say_usage("replace needs --entry NAME or --file PATH");
    if (o->children && strcmp(o->children, "keep") != 0 && strcmp(o->children, "drop") != 0)
        return say_usage("--children %s: takes keep or drop", o->children);
    r->drop = o->children && !strcmp(o->children, "drop");
    return STATUS_OK;
}

static const char *suffix(const char *path)
{
    const char *dot = strrchr(path_last_part(path), '.');
    return dot ? dot : "";
}

/* The image by itself, and named as the one that it replaces. */
static enum status check_new(const struct replacement *r)
{
    const struct flash_image *image = &r->plan.image[0];
    if (r->plan.count > 1)
        return say_error("Make one of it and its parents first (mkimage vhd convert), or use "
                         "mkimage add.",
                         "%s: has a parent, which replace does not take along", image->source);
    if (strcasecmp(suffix(image->source), suffix(r->old.path)) != 0)
        return say_error("Convert it first (mkimage vhd convert), or use mkimage add, then remove.",
                         "%s: cannot become %s, as programs go by the end of the name",
                         image->source, r->old.path);
    return STATUS_OK;
}

/* --- Who stands on the old image */

static enum status check_children(struct replacement *r)
{
    enum status status = children_find(&r->children, &r->lineage, &r->old);
    if (status || !r->children.count)
        return status;
    if (!r->options->children)
        return say_error("Say --children drop to remove them, or --children keep to leave them as "
                         "they are: then they start no more.",
                         "%s: is the parent of %s", r->old.path, children_names(&r->children));
    return r->drop ? children_may_go(&r->children, &r->lineage, &r->old)
                   : children_may_stay(&r->children, &r->plan.image[0]);
}

/* --- The plan */

static enum status find_old(struct replacement *r)
{
    const struct options *o = r->options;
    struct lineage *l = &r->lineage;
    const struct config_entry *entry = NULL;
    unsigned index = 0;
    if (o->entry) {
        if (!entry_find(&l->text.config, o->entry, &index))
            return say_error("mkimage list tells the entries that there are.",
                             "%s: there is no entry %s", l->edit.path, o->entry);
        entry = &l->text.config.entry[index];
        if (entry->start.kind != START_IMAGE)
            return say_error("Name another --entry, or a --file.", "%s: entry %s starts no image",
                             l->edit.path, entry->name);
    }
    enum status status = needed_find(&r->old, l, entry ? entry->vhd : o->file, entry);
    if (!status && r->old.place == NEEDED_ELSEWHERE)
        status = say_error("Name the disk that it lies on as TARGET, with its partition.",
                           "%s: lies on another volume", r->old.path);
    if (!status && !entry && (r->old.place == NEEDED_GONE || !r->old.is_image))
        status = say_error("Name an image, or use mkimage add.", "%s: is no image that is there",
                           r->old.path);
    return status;
}

static enum status check_old(struct replacement *r)
{
    struct lineage *l = &r->lineage;
    bool simple = true;
    if (r->old.place == NEEDED_GONE)
        return STATUS_OK;
    if (edit_is_simple(&l->edit, r->old.path, &simple))
        return STATUS_FAILED;
    if (!simple)
        return say_error("Use mkimage add, then mkimage remove.",
                         "%s: is in so many fragments that it cannot be replaced at once",
                         r->old.path);
    if (!r->old.is_image)
        return STATUS_OK;
    if (l->chain.link[0]->image.saved_state)
        return say_error("Let that machine go on and shut it down, or discard its saved state.",
                         "%s: a suspended virtual machine uses this disk, and would find another "
                         "one",
                         r->old.path);
    return lineage_no_merge(l);
}

/* Does the file hold the new content already? Then a run that was cut is through. */
static enum status check_same(struct replacement *r)
{
    struct file file;
    struct fail f;
    if (r->old.place == NEEDED_GONE ||
        ntfs_open(&r->lineage.edit.session.target.volume, r->old.path, &file, &f))
        return STATUS_OK;
    return flash_image_is(&r->plan.image[0], &file, &r->same);
}

/* An entry that will write to the new image; NULL where none will. */
static const char *find_writer(struct replacement *r)
{
    struct lineage *l = &r->lineage;
    for (unsigned i = 0; i < l->text.config.count; i++) {
        const struct config_entry *e = &l->text.config.entry[i];
        bool starts = r->old.place == NEEDED_GONE ? volume_same_path(e->vhd, r->old.path)
                                                  : lineage_starts_file(l, i, &r->old.file);
        for (unsigned k = 0; r->drop && k < r->children.count; k++)
            starts |= lineage_starts_file(l, i, &r->children.child[k].file);
        if (starts && entry_keeps_writes(e))
            return e->name;
    }
    return NULL;
}

/* It may be the parent of an image that looks for one in its place. */
static enum status check_writer(struct replacement *r, const char *writer)
{
    const struct dependents *images;
    const struct flash_image *from = &r->plan.image[0];
    struct image image = {.format = from->format};
    memcpy(image.id, from->id, sizeof image.id);
    enum status status = lineage_images(&r->lineage, &images);
    for (size_t i = 0; !status && i < images->count && !from->is_raw; i++) {
        const struct dependent *x = &images->image[i];
        bool names = dependents_names(x->format, x->parent_id, x->parent_ids, &image) &&
                     (!x->parent_found || ntfs_same_file(&x->parent, &r->old.file));
        if (names && !(r->drop && children_hold(&r->children, &r->old, &x->file)))
            status = say_error("Give that entry write = discard or none, or remove that image.",
                               "%s: would be the parent of %s, which would be damaged by what "
                               "entry %s writes",
                               r->old.path, x->path, writer);
    }
    return status;
}

static enum status plan_room(struct replacement *r)
{
    struct lineage *l = &r->lineage;
    struct flash_image *image = &r->plan.image[0];
    uint64_t free_bytes = 0;
    const char *writer = find_writer(r);
    r->writes = writer;
    image->grows = image->has_slack && writer;
    enum status status = edit_free(&l->edit, &free_bytes);
    if (!status && image->size > free_bytes)
        return say_error(
            "Make room on the volume, or remove the entry first and add the new image then.",
            "%s: %s are needed beside the old content, which stays until the new one "
            "is complete, and %s are free",
            r->old.path, bytes_text(image->size), bytes_text(free_bytes));
    if (!status && writer)
        status = check_writer(r, writer);
    if (status)
        return status;
    if (r->options->given & OPTION_RESERVE)
        return flash_plan_slack(&r->plan, r->options->reserve);
    flash_plan_share_slack(&r->plan, (free_bytes - image->size) / 2, SLACK_MAX);
    return STATUS_OK;
}

/* Entries of dropped children start the new image. */
static enum status plan_config(struct replacement *r)
{
    struct lineage *l = &r->lineage;
    struct arena *arena = &l->edit.session.target.arena;
    enum status status = STATUS_OK;
    bool turn[CONFIG_ENTRIES_MAX] = {false};
    for (unsigned i = 0; r->drop && i < l->text.config.count; i++) {
        for (unsigned k = 0; k < r->children.count; k++)
            turn[i] |= lineage_starts_file(l, i, &r->children.child[k].file);
        r->edits |= turn[i];
    }
    if (!r->edits)
        return STATUS_OK;
    status = lineage_complete(l, &r->config);
    for (unsigned i = 0; !status && i < l->text.config.count; i++) {
        if (turn[i])
            status = config_text_set_vhd(&l->text, i, r->old.path, arena);
    }
    return status ? status : lineage_keep_then(l, &r->config);
}

static enum status plan(struct replacement *r)
{
    enum status status = find_old(r);
    if (!status)
        status = check_new(r);
    if (!status)
        status = check_same(r);
    if (status || r->same)
        return status;
    status = check_old(r);
    if (!status)
        status = check_children(r);
    if (!status)
        status = plan_room(r);
    return status ? status : plan_config(r);
}

/* --- The change */

static enum status drop_children(struct replacement *r)
{
    struct lineage *l = &r->lineage;
    bool real = !l->edit.rehearsal;
    enum status status = STATUS_OK;
    if (r->edits) {
        status = lineage_put_first(l, &r->config);
        if (!status && real && r->config.first)
            status = lineage_reopen_menu(l);
        if (!status)
            status = lineage_put_then(l, &r->config);
        if (!status && real)
            status = lineage_reopen_menu(l);
    }
    for (unsigned i = r->children.count; !status && i--;) {
        status = lineage_remove(l, r->children.child[i].path);
        if (!status && real)
            status = lineage_reopen_menu(l);
    }
    return status;
}

static enum status fill(void *ctx, struct volume *v, const struct placement *p)
{
    return flash_image_fill(v, ctx, p, true);
}

/* In a rehearsal it is a sum of zeros. */
static enum status put_sum(struct replacement *r)
{
    struct edit *e = &r->lineage.edit;
    struct sums sums;
    enum status status = e->rehearsal ? STATUS_OK : lineage_reopen_menu(&r->lineage);
    if (!status)
        status = sums_read(&sums, &e->session.target.volume);
    if (status)
        return status;
    bool known = r->same && sums_find(&sums, r->old.path); /* else a run was cut off before that */
    if (!known)
        status = r->same ? sums_set_file(&sums, e, r->old.path, find_writer(r))
                         : sums_set(&sums, r->old.path, r->plan.image[0].digest, r->writes);
    if (!known && !status)
        status = sums_put(e, &sums);
    sums_free(&sums);
    return status;
}

/* All that is written; in a rehearsal, nothing is. */
static enum status make(struct replacement *r)
{
    if (r->same)
        return put_sum(r);
    struct edit *e = &r->lineage.edit;
    struct flash_image *image = &r->plan.image[0];
    struct edit_content content = {.size = flash_image_size(image), .fill = fill, .ctx = image};
    enum status status = r->drop ? drop_children(r) : STATUS_OK;
    if (!status)
        status = sums_forget_file(e, r->old.path);
    if (!e->rehearsal)
        progress_start("copying", content.size);
    if (!status)
        status = edit_put(e, r->old.path, &content, &r->pieces);
    progress_end();
    return status ? status : put_sum(r);
}

static void report(const struct replacement *r)
{
    const struct flash_image *image = &r->plan.image[0];
    bool dry = r->options->dry_run;
    char slack[100] = "";
    uint32_t slots = image->grows ? slack_left(&image->slack) + image->slots : 0;
    if (slots)
        snprintf(slack, sizeof slack, ", slack for %s", slack_text(&image->slack, slots));
    for (unsigned i = 0; i < r->children.count; i++) {
        if (r->drop)
            say("%s: %s removed", r->children.child[i].path, dry ? "would be" : "is");
        else
            say_warning("%s: %s no more; put the old image back, or give up what it holds by "
                        "mkimage rollback --drop",
                        r->children.child[i].path, dry ? "would start" : "starts");
    }
    say("%s: %s %s, %" PRIu32 " fragment%s%s", r->old.path, dry ? "would become" : "is now",
        image->kind, r->pieces, r->pieces == 1 ? "" : "s", slack);
    if (image->no_system)
        entry_warn_no_system(r->old.path, image->no_system);
}

static enum status change(struct replacement *r)
{
    enum status status = plan(r);
    if (status)
        return status;
    edit_rehearse(&r->lineage.edit);
    status = make(r);
    edit_end_rehearsal(&r->lineage.edit);
    if (!status && !r->options->dry_run)
        status = make(r);
    if (!status && r->same)
        say("%s: has this content already", r->old.path);
    else if (!status)
        report(r);
    return status;
}

enum status verb_replace(const struct options *options)
{
    struct replacement *r = calloc(1, sizeof *r);
    if (!r)
        return say_no_memory();
    r->options = options;
    enum status status = check_options(r);
    if (!status)
        status = flash_plan_add(&r->plan, options, NULL, true);
    if (!status) {
        status = lineage_open_menu(&r->lineage, options);
        if (!status) {
            status = change(r);
            lineage_close(&r->lineage);
        }
        flash_plan_free(&r->plan);
    }
    lineage_config_free(&r->config);
    needed_free(&r->old);
    children_free(&r->children);
    free(r);
    return status;
}
