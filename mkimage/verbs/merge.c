/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage merge: the child's blocks into its parent (absorb.h), then the config leads to the
 * parent, then the child goes, then the parent's mark. Until the config is changed the child boots,
 * and reads as before; from then on the parent does, and holds everything. One that was cut off
 * starts again where the entry still starts the child, as that may have been written to since;
 * where the entry starts the parent, what is left to do is done.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/options.h"
#include "cli/say.h"
#include "core/base/file.h"
#include "core/chain/chain.h"
#include "core/ntfs/ntfs.h"
#include "flash/absorb.h"
#include "flash/edit.h"
#include "flash/grow.h"
#include "flash/installed.h"
#include "flash/lineage.h"
#include "flash/menus.h"
#include "flash/merge_mark.h"
#include "flash/sums.h"
#include "verbs/verbs.h"

struct merge {
    struct lineage lineage;
    char *path, *parent;
    struct absorb absorb;
    uint32_t add; /* slots that the parent needs before */
    bool grows;   /* those, or sector bitmaps */
    struct lineage_config config;
};

/* Core's view of the two, as it is now. */
static enum status look(struct merge *m)
{
    struct chain *chain = &m->lineage.chain;
    m->absorb = (struct absorb){.edit = &m->lineage.edit,
                                .child = chain->link[0],
                                .parent = chain->link[1],
                                .arena = &m->lineage.edit.session.target.arena};
    enum status status = absorb_open(&m->absorb);
    uint32_t have = m->absorb.slack.now.count;
    m->add = m->absorb.new_blocks > have ? m->absorb.new_blocks - have : 0;
    m->grows = m->add || (m->absorb.new_blocks && m->absorb.slack.bitmaps);
    return status;
}

static void warn_of(const char *entry, const char *parent)
{
    say_warning("entry %s starts %s itself, so it will start what is merged into it", entry,
                parent);
}

/* Other entries that start the parent itself will start what is merged. */
static enum status warn_of_entries(struct lineage *l)
{
    for (unsigned i = 0; l->text.complete && i < l->text.config.count; i++) {
        if (lineage_starts(l, i, l->chain.link[1]))
            warn_of(l->text.config.entry[i].name, lineage_path(l, 1));
    }
    struct ntfs_identity parent = ntfs_identify(&l->chain.link[1]->file);
    char *who;
    enum status status = menus_starter(&l->edit.session.target, &parent, false, &who);
    if (!status && who)
        warn_of(who, lineage_path(l, 1));
    free(who);
    return status;
}

/* An older loader does not know the mark in a VHDX, and would start what is half merged. */
static enum status check_loader(struct merge *m)
{
    struct target *t = &m->lineage.edit.session.target;
    if (m->lineage.chain.link[1]->image.format != IMAGE_VHDX || installed_is_ours(t))
        return STATUS_OK;
    return say_error("Run mkimage update first.",
                     "%s: its boot code is of another version, which may not know a merge into a "
                     "VHDX that was cut off",
                     t->device.path);
}

static enum status plan(struct merge *m)
{
    struct lineage *l = &m->lineage;
    struct chain *chain = &l->chain;
    if (chain->count < 2)
        return say_error("mkimage snapshot makes a child that can be merged.",
                         "%s: has no parent to merge it into", lineage_path(l, 0));
    m->path = strdup(lineage_path(l, 0));
    m->parent = strdup(lineage_path(l, 1));
    if (!m->path || !m->parent)
        return say_no_memory();
    if (!lineage_on_volume(l, 1))
        return say_error("Copy both onto one volume first.", "%s: lies on another volume",
                         m->parent);
    enum status status = check_loader(m);
    if (!status)
        status = lineage_no_dependents(l, chain->link[0], NULL);
    if (!status)
        status = lineage_no_dependents(l, chain->link[1], chain->link[0]);
    if (!status)
        status = look(m);
    if (!status)
        status = warn_of_entries(l);
    return status ? status : lineage_plan_config(l, m->parent, true, &m->config);
}

static enum status grow_parent(struct merge *m)
{
    struct chain_link *parent = m->lineage.chain.link[1];
    return m->grows ? grow_slots(&m->lineage.edit, m->parent, &m->absorb.slack, m->add,
                                 &parent->extents, NULL)
                    : STATUS_OK;
}

/* Takes the mark off the parent, which the entry starts now. */
static enum status unmark(struct merge *m)
{
    enum status status = lineage_reopen(&m->lineage, m->parent);
    return status ? status : merge_mark_end(&m->lineage.edit, m->lineage.chain.link[0]);
}

static enum status make(struct merge *m)
{
    struct slack before = m->absorb.slack;
    uint32_t add = m->add;
    bool grows = m->grows;
    /* a child gets an id, where it is a VHDX */
    enum status status = sums_mark_written(&m->lineage.edit, m->parent, m->path);
    if (!status)
        status = grow_parent(m);
    if (!status && grows)
        status = lineage_reopen(&m->lineage, m->path);
    if (!status && grows)
        status = grow_note(&m->lineage.edit, &before, add, &m->lineage.chain.link[1]->extents);
    if (!status && grows)
        status = lineage_reopen(&m->lineage, m->path);
    if (!status && grows)
        status = look(m);
    if (!status && m->grows)
        status = say_error("Run this again.", "%s: has not got the room it needs", m->parent);
    if (!status)
        status = absorb_run(&m->absorb);
    if (!status)
        status = edit_reopen(&m->lineage.edit);
    if (!status)
        status = lineage_drop(&m->lineage, &m->config, m->path);
    return status ? status : unmark(m);
}

/* The whole merge, but for what cannot be known before the parent has its blocks. */
static enum status rehearse(struct merge *m)
{
    edit_rehearse(&m->lineage.edit);
    enum status status = sums_mark_written(&m->lineage.edit, m->parent, m->path);
    if (!status)
        status = grow_parent(m);
    if (!status)
        status = lineage_drop(&m->lineage, &m->config, m->path);
    edit_end_rehearsal(&m->lineage.edit);
    return status;
}

static enum status merge(struct merge *m, const struct options *options)
{
    enum status status = plan(m);
    uint32_t blocks = m->absorb.new_blocks;
    if (!status)
        status = rehearse(m);
    if (!status && !options->dry_run)
        status = make(m);
    if (!status)
        say("%s: %s merged into %s, which %s %u new block%s, and removed", m->path,
            options->dry_run ? "would be" : "is", m->parent, options->dry_run ? "would get" : "got",
            blocks, blocks == 1 ? "" : "s");
    return status;
}

/* Whoever still needs the child of a merge that is complete keeps it. */
static enum status may_remove(struct merge *m, const struct dependents *images,
                              const struct dependent *child)
{
    struct lineage *l = &m->lineage;
    const struct chain_link *parent = l->chain.link[0];
    struct ntfs_identity own = ntfs_identify(&parent->file);
    const struct dependent *twin = dependents_merged(images, &parent->image, &own, child);
    if (twin && !ntfs_same_file(&twin->file, &child->file))
        return say_error("Remove the one that is a copy, then run this again.",
                         "%s: was merged into %s, but so was %s: they have one id", child->path,
                         m->parent, twin->path);
    if (!child->on_volume)
        return say_error("Remove it there, then run this again.",
                         "%s: was merged into %s, and lies on another volume now", child->path,
                         m->parent);
    for (unsigned i = 0; i < l->text.config.count; i++) {
        if (lineage_starts_file(l, i, &child->file))
            return say_error("Say --entry with its name, so that it is merged again.",
                             "%s: was merged into %s, but entry %s starts it", child->path,
                             m->parent, l->text.config.entry[i].name);
    }
    struct image as_parent = {.format = child->format};
    memcpy(as_parent.id, child->id, sizeof as_parent.id);
    const struct dependent *grandchild = dependents_of(images, &as_parent, &child->file, NULL);
    return grandchild ? say_error("Remove that one first.", "%s: is the parent of %s", child->path,
                                  grandchild->path)
                      : lineage_no_starter_elsewhere(l, &child->file, child->path);
}

/* The child of a merge that is complete; `path` stays NULL where it is gone already. Its content is
 * in the parent, and that may have been written to since. */
static enum status find_merged(struct merge *m)
{
    struct lineage *l = &m->lineage;
    const struct dependents *images;
    enum status status = lineage_images(l, &images);
    const struct chain_link *parent = l->chain.link[0];
    struct ntfs_identity own = ntfs_identify(&parent->file);
    const struct dependent *child =
        status ? NULL : dependents_merged(images, &parent->image, &own, NULL);
    if (!child)
        return status;
    status = may_remove(m, images, child);
    if (status)
        return status;
    m->path = strdup(child->path);
    return m->path ? STATUS_OK : say_no_memory();
}

/* What a cut has left of a merge into the image that the entry starts. */
static enum status clean_up(struct merge *m, const struct options *options)
{
    m->parent = strdup(lineage_path(&m->lineage, 0));
    enum status status = m->parent ? find_merged(m) : say_no_memory();
    if (!status && m->path) {
        edit_rehearse(&m->lineage.edit);
        status = lineage_remove(&m->lineage, m->path);
        edit_end_rehearsal(&m->lineage.edit);
    }
    if (!status && !options->dry_run && m->path)
        status = lineage_remove(&m->lineage, m->path);
    if (!status && !options->dry_run)
        status = unmark(m);
    const char *would = options->dry_run ? "would be" : "is";
    if (!status && m->path)
        say("%s: was merged into %s, and %s removed", m->path, m->parent, would);
    else if (!status)
        say("%s: the last merge into it %s finished", m->parent, would);
    return status;
}

enum status verb_merge(const struct options *options)
{
    struct merge m = {0};
    enum status status = lineage_open(&m.lineage, options);
    if (status)
        return status;
    status = m.lineage.chain.link[0]->image.merge ? clean_up(&m, options) : merge(&m, options);
    lineage_config_free(&m.config);
    free(m.path);
    free(m.parent);
    lineage_close(&m.lineage);
    return status;
}
