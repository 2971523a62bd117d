/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage remove: an entry goes out of the menu, and then its image from the volume. What anything
 * else needs stays, and it is said why; with --file, which names an image alone, that is a refusal.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/options.h"
#include "cli/say.h"
#include "core/chain/path.h"
#include "core/entry/config.h"
#include "core/ntfs/ntfs.h"
#include "flash/config_entries.h"
#include "flash/edit.h"
#include "flash/entry.h"
#include "flash/lineage.h"
#include "flash/needed.h"
#include "flash/sums.h"
#include "ntfs/volume.h"
#include "verbs/verbs.h"

struct removal {
    const struct options *options;
    struct lineage lineage;
    struct needed image;
    unsigned entry;   /* of the menu; CONFIG_ENTRIES_MAX: none */
    char *why;        /* the image stays; NULL: it goes */
    bool goes, edits; /* the image is removed; the config is changed */
    bool gone;        /* somebody else has removed it, and its sum is left */
    const char *name; /* of the entry, as the user has it */
    char *listed;     /* an image of the root folder, which would be an entry by itself */
    struct lineage_config config;
};

static enum status find(struct removal *r)
{
    const struct options *o = r->options;
    struct lineage *l = &r->lineage;
    const struct config_entry *entry = NULL;
    const char *vhd = o->file;
    r->entry = CONFIG_ENTRIES_MAX;
    if (o->entry) {
        if (!entry_find(&l->text.config, o->entry, &r->entry))
            return say_error("mkimage list tells the entries that there are.",
                             "%s: there is no entry %s", l->edit.path, o->entry);
        entry = &l->text.config.entry[r->entry];
        r->name = o->entry;
        vhd = entry->vhd;
    }
    if (!*vhd)
        return STATUS_OK; /* it starts no image */
    enum status status = needed_find(&r->image, l, vhd, entry);
    r->gone = !status && r->image.place == NEEDED_GONE && !chain_path_volume(vhd);
    if (!status && !entry && r->image.place == NEEDED_GONE)
        status = say_error("Check the name.", "%s: is not there", vhd);
    else if (!status && !entry && r->image.place == NEEDED_ELSEWHERE)
        status = say_error("Name the disk that it lies on as TARGET, with its partition.",
                           "%s: lies on another volume", vhd);
    else if (!status && !entry && !r->image.is_image)
        status = say_error("Name an image.", "%s: is none that can be opened", vhd);
    return status;
}

/* Does the image go? */
static enum status judge(struct removal *r)
{
    struct lineage *l = &r->lineage;
    if (!r->image.path || r->image.place != NEEDED_HERE || r->options->keep_image)
        return STATUS_OK;
    enum status status = needed_by(&r->image, l, r->entry, &r->why);
    r->goes = !r->why;
    if (!status && r->why && !r->name)
        status = say_error("Remove that first.", "%s: stays, as %s", r->image.path, r->why);
    if (!status && r->goes && r->image.is_image)
        status = lineage_no_merge(l);
    return status;
}

/* Finds an image of the root folder that stays, if only by another name of it. */
static bool each(void *ctx, const struct ntfs_dirent *entry)
{
    struct removal *r = ctx;
    if (entry->directory || !needed_is_listed(entry->name) ||
        (r->goes && volume_same_path(entry->name, r->image.path)))
        return true;
    r->listed = strdup(entry->name);
    return false;
}

/* A config that names no entry leaves the menu to the root folder, and nobody asked for that. */
static enum status check_root(struct removal *r)
{
    struct fail f;
    if (ntfs_list(&r->lineage.edit.session.target.volume, "\\", each, r, &f))
        return say_fail(&f);
    return r->listed ? say_error("Put it into another folder, or remove it too.",
                                 "%s: is the last entry, and where a config names none, the menu "
                                 "is made of the root folder's images, of which %s is one",
                                 r->name, r->listed)
                     : STATUS_OK;
}

/* Without a config, the menu follows the root folder by itself. */
static enum status plan_config(struct removal *r)
{
    struct lineage *l = &r->lineage;
    r->edits = r->name && (l->text.complete || !r->goes);
    if (!r->edits)
        return STATUS_OK;
    enum status status = lineage_complete(l, &r->config);
    if (!status)
        status = config_entries_remove(&l->text, r->entry, &l->edit.session.target.arena);
    if (status)
        return status;
    if (!l->text.config.count)
        status = check_root(r);
    return status ? status : lineage_keep_then(l, &r->config);
}

/* By this one name: where somebody has given it another, that one stays. */
static enum status remove_image(struct removal *r)
{
    struct edit *e = &r->lineage.edit;
    enum status status = sums_forget(e, r->image.path);
    return status ? status : edit_remove(e, r->image.path);
}

/* All that is written; in a rehearsal, nothing is. */
static enum status make(struct removal *r)
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
    if (!status && r->gone)
        status = sums_forget(&l->edit, r->image.path);
    return status || !r->goes ? status : remove_image(r);
}

static void report(const struct removal *r)
{
    bool dry = r->options->dry_run;
    const char *would = dry ? "would be" : "is", *path = r->image.path;
    if (r->name)
        say("%s: entry %s %s removed", r->lineage.edit.path, r->name, would);
    if (r->goes)
        say("%s: %s removed", path, would);
    else if (r->why)
        say("%s: stays, as %s", path, r->why);
    else if (path && r->image.place == NEEDED_GONE)
        say("%s: was not there", path);
    else if (path && r->image.place == NEEDED_ELSEWHERE)
        say("%s: stays, as it lies on another volume", path);
    else if (path)
        say("%s: stays", path);
}

/* The parent of what goes is told: it may be needed by nobody now. */
static void tell_parent(const struct removal *r)
{
    const struct lineage *l = &r->lineage;
    if (r->goes && r->image.is_image && l->chain.count > 1 && lineage_on_volume(l, 1))
        say("%s: stays, the parent of what %s removed; mkimage remove --file gives it back where "
            "nothing else needs it",
            lineage_path(l, 1), r->options->dry_run ? "would be" : "is");
}

enum status verb_remove(const struct options *options)
{
    struct removal *r = calloc(1, sizeof *r);
    if (!r)
        return say_no_memory();
    r->options = options;
    if (!options->entry == !options->file || (options->file && options->keep_image)) {
        free(r);
        return say_usage(options->file && options->keep_image
                             ? "remove takes --keep-image with --entry alone"
                             : "remove needs --entry NAME or --file PATH");
    }
    enum status status = lineage_open_menu(&r->lineage, options);
    if (status) {
        free(r);
        return status;
    }
    status = find(r);
    if (!status)
        status = judge(r);
    if (!status)
        status = plan_config(r);
    if (!status) {
        tell_parent(r);
        edit_rehearse(&r->lineage.edit);
        status = make(r);
        edit_end_rehearsal(&r->lineage.edit);
    }
    if (!status && !options->dry_run)
        status = make(r);
    if (!status)
        report(r);
    lineage_config_free(&r->config);
    needed_free(&r->image);
    free(r->why);
    free(r->listed);
    lineage_close(&r->lineage);
    free(r);
    return status;
}
