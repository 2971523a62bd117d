/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage rollback: what was written since the snapshot goes. The file gets the clusters of a new,
 * empty child in one change, so it is the old one or the empty one; or, with --drop, the config
 * leads to the parent before the child is removed. Dropping needs nothing of the child's content,
 * nor that the parent is still the one it was made from.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "core/chain/chain.h"
#include "core/entry/config.h"
#include "core/vhd/format.h"
#include "flash/edit.h"
#include "flash/entry.h"
#include "flash/grow.h"
#include "flash/lineage.h"
#include "flash/sums.h"
#include "image/newvhd.h"
#include "image/slack.h"
#include "verbs/verbs.h"

#define ROOM ((uint64_t)1 << 20) /* that is left for the volume's own needs */

struct rollback {
    struct lineage lineage;
    char *path, *parent;
    struct newvhd vhd;
    uint32_t slots; /* in the end */
    uint32_t first; /* before the old clusters are free */
    struct lineage_config config;
};

/* As many slots as the file had room for blocks, or for --size of data. */
static enum status plan_slots(struct rollback *r, const struct options *options)
{
    struct lineage *l = &r->lineage;
    const struct slack *s = &r->vhd.slack;
    uint64_t old = l->chain.link[0]->file.size, free_bytes = 0;
    enum status status = edit_free(&l->edit, &free_bytes);
    if (status)
        return status;
    if (options->given & OPTION_NEW_SIZE)
        r->slots = slack_wanted(s, options->size);
    else
        r->slots = slack_fitting(s, old > s->file_size ? old - s->file_size : 0);
    /* A slot may fit that the careful reckoning left out. */
    while (!(options->given & OPTION_NEW_SIZE) && r->slots < s->absent &&
           slack_size(s, r->slots + 1) && slack_size(s, r->slots + 1) <= old)
        r->slots++;
    if (!slack_size(s, r->slots))
        return slack_too_large(r->path, "Choose a smaller --size.");
    uint64_t taken = s->file_size + ROOM;
    r->first = slack_fitting(s, free_bytes > taken ? free_bytes - taken : 0);
    if (r->first > r->slots)
        r->first = r->slots;
    return STATUS_OK;
}

static enum status plan_empty(struct rollback *r, const struct options *options)
{
    struct lineage *l = &r->lineage;
    bool simple;
    if (edit_is_simple(&l->edit, r->path, &simple))
        return STATUS_FAILED;
    if (!simple)
        return say_error("Say rollback --drop, then snapshot.",
                         "%s: is in so many fragments that it cannot be replaced at once", r->path);
    struct chain *chain = &l->chain;
    uint32_t block = chain->link[0]->image.block_size;
    enum status status = newvhd_make(&r->vhd, &chain->link[1]->image, r->path, r->parent, block);
    return status ? status : plan_slots(r, options);
}

/* The first entry that will start the parent, and write to it; NULL where none will. */
static const char *writing_entry(struct lineage *l)
{
    const struct config *config = &l->text.config;
    for (unsigned i = 0; i < config->count; i++) {
        const struct config_entry *entry = &config->entry[i];
        if (entry_keeps_writes(entry) &&
            (lineage_starts(l, i, l->chain.link[0]) || lineage_starts(l, i, lineage_link(l, 1))))
            return entry->name;
    }
    return NULL;
}

/* The parent is what is written from now on: nobody else may stand on it. */
static enum status plan_drop(struct rollback *r)
{
    struct lineage *l = &r->lineage;
    const char *writer = writing_entry(l);
    char *who;
    if (!lineage_on_volume(l, 1))
        return say_error("Roll it back without --drop, or edit \\vhdboot.cfg by hand.",
                         "%s: lies on another volume", r->parent);
    enum status status = lineage_dependent(l, lineage_link(l, 1), l->chain.link[0], &who);
    if (!status && who && writer)
        status =
            say_error("Roll it back without --drop, or give that entry write = discard or none.",
                      "%s: is the parent of %s as well, which would be damaged by what entry "
                      "%s writes",
                      r->parent, who, writer);
    else if (!status && who)
        say_warning("%s: is the parent of %s as well, so it must not be written", r->parent, who);
    free(who);
    if (!status)
        status = lineage_plan_config(l, r->parent, true, &r->config);
    if (!status && l->parent)
        say_warning("%s: its parent %s is another image by now, so that what was written since the "
                    "snapshot is lost for good",
                    r->path, r->parent);
    else if (!status && l->broken)
        say_warning(
            "%s: does not start either, as a parent of it is another image by now; run this "
            "again to go back further",
            r->parent);
    return status;
}

/* What goes, can it go? */
static enum status plan_leaf(struct rollback *r)
{
    struct lineage *l = &r->lineage;
    const struct chain_link *leaf = l->chain.link[0];
    enum status status = lineage_no_merge(l);
    if (!status && leaf->image.saved_state)
        status = say_error("Let that machine go on and shut it down, or discard its saved state.",
                           "%s: a suspended virtual machine uses this disk, and would find another "
                           "one",
                           r->path);
    return status ? status : lineage_no_dependents(l, leaf, NULL);
}

static enum status plan(struct rollback *r, const struct options *options)
{
    struct lineage *l = &r->lineage;
    struct chain *chain = &l->chain;
    if (chain->count < 2 && !l->broken)
        return say_error("mkimage snapshot makes a child that can be rolled back.",
                         "%s: has no parent, so there is nothing to go back to",
                         lineage_path(l, 0));
    if (!l->parent && chain->link[0]->image.sectors != chain->link[1]->image.sectors)
        return say_error("Use the program that changed its size.",
                         "%s: is not as large as its parent, so going back would change the disk",
                         lineage_path(l, 0));
    r->path = strdup(lineage_path(l, 0));
    r->parent = strdup(lineage_path(l, 1));
    if (!r->path || !r->parent)
        return say_no_memory();
    enum status status = plan_leaf(r);
    if (status)
        return status;
    return options->drop ? plan_drop(r) : plan_empty(r, options);
}

/* The slots that had no room beside the old clusters. */
static enum status add_slots(struct rollback *r)
{
    struct edit *e = &r->lineage.edit;
    struct slack s = r->vhd.slack;
    uint32_t left = r->slots - r->first;
    slack_placed(&s, r->first);
    enum status status = STATUS_OK;
    if (!e->rehearsal)
        status = lineage_reopen(&r->lineage, r->path);
    const struct extent_list *list = &r->lineage.chain.link[0]->extents;
    if (!status)
        status = grow_slots(e, r->path, &s, left, list, NULL);
    if (status || e->rehearsal)
        return status;
    status = lineage_reopen(&r->lineage, r->path);
    list = &r->lineage.chain.link[0]->extents;
    return status ? status : grow_note(e, &s, left, list);
}

static enum status empty(struct rollback *r)
{
    struct edit *e = &r->lineage.edit;
    struct edit_content content = {.front = r->vhd.front,
                                   .front_size = r->vhd.front_size,
                                   .size = slack_size(&r->vhd.slack, r->first)};
    newvhd_end(&r->vhd, &content.back, &content.back_size, content.size);
    enum status status = sums_mark_written(e, r->path, NULL);
    if (!e->rehearsal)
        progress_start("making an empty child", content.size);
    if (!status)
        status = edit_put(e, r->path, &content, NULL);
    progress_end();
    if (!status && r->first < r->slots)
        status = add_slots(r);
    return status;
}

/* The whole change, or its rehearsal. */
static enum status make(struct rollback *r, const struct options *options)
{
    return options->drop ? lineage_drop(&r->lineage, &r->config, r->path) : empty(r);
}

enum status verb_rollback(const struct options *options)
{
    struct rollback r = {0};
    if (options->drop && options->given & OPTION_NEW_SIZE)
        return say_usage("rollback takes --drop or --size, not both");
    enum status status = options->drop ? lineage_open_to_drop(&r.lineage, options)
                                       : lineage_open(&r.lineage, options);
    if (status)
        return status;
    status = plan(&r, options);
    if (!status) {
        edit_rehearse(&r.lineage.edit);
        status = make(&r, options);
        edit_end_rehearsal(&r.lineage.edit);
    }
    if (!status && !options->dry_run)
        status = make(&r, options);
    const char *would = options->dry_run ? "would be" : "is";
    if (!status && options->drop)
        say("%s: %s removed, and %s %s what the entry starts", r.path, would, r.parent, would);
    else if (!status)
        say("%s: %s empty again, room for %s", r.path, would, slack_text(&r.vhd.slack, r.slots));
    lineage_config_free(&r.config);
    newvhd_free(&r.vhd);
    free(r.path);
    free(r.parent);
    lineage_close(&r.lineage);
    return status;
}
