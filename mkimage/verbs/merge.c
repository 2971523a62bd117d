/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage merge: the child's blocks into its parent (absorb.h), then the config leads to the
 * parent, then the child goes. Until the config is changed the child boots, and reads as before;
 * from then on the parent does, and holds everything.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/options.h"
#include "cli/say.h"
#include "core/chain/chain.h"
#include "flash/absorb.h"
#include "flash/edit.h"
#include "flash/grow.h"
#include "flash/lineage.h"
#include "verbs/verbs.h"

struct merge {
    struct lineage lineage;
    char *path, *parent;
    struct absorb absorb;
    uint32_t add; /* slots that the parent needs before */
    struct lineage_config config;
};

/* Core's view of the two, as it is now. */
static enum status look(struct merge *m)
{
    struct chain *chain = &m->lineage.disk.chain;
    m->absorb = (struct absorb){.edit = &m->lineage.edit,
                                .child = chain->link[0],
                                .parent = chain->link[1],
                                .arena = &m->lineage.edit.session.target.arena};
    enum status status = absorb_open(&m->absorb);
    uint32_t have = m->absorb.slack.now.count;
    m->add = m->absorb.new_blocks > have ? m->absorb.new_blocks - have : 0;
    return status;
}

static enum status plan(struct merge *m)
{
    struct lineage *l = &m->lineage;
    if (l->disk.chain.count < 2)
        return say_error("mkimage snapshot makes a child that can be merged.",
                         "%s: has no parent to merge it into", lineage_path(l, 0));
    m->path = strdup(lineage_path(l, 0));
    m->parent = strdup(lineage_path(l, 1));
    if (!m->path || !m->parent)
        return say_no_memory();
    if (!lineage_on_volume(l, 1))
        return say_error("Copy both onto one volume first.", "%s: lies on another volume",
                         m->parent);
    enum status status = lineage_no_children(l, 0, CHAIN_MAX);
    if (!status)
        status = lineage_no_children(l, 1, 0);
    if (!status)
        status = look(m);
    return status ? status : lineage_plan_config(l, m->parent, true, &m->config);
}

static enum status grow_parent(struct merge *m)
{
    struct chain_link *parent = m->lineage.disk.chain.link[1];
    return m->add ? grow_slots(&m->lineage.edit, m->parent, &m->absorb.slack, m->add,
                               &parent->extents, NULL)
                  : STATUS_OK;
}

static enum status make(struct merge *m)
{
    struct slack before = m->absorb.slack;
    uint32_t add = m->add;
    enum status status = grow_parent(m);
    if (!status && add)
        status = lineage_reopen(&m->lineage, m->path);
    if (!status && add)
        status = grow_note(&m->lineage.edit, &before, add, &m->lineage.disk.chain.link[1]->extents);
    if (!status && add)
        status = look(m);
    if (!status && m->add)
        status = say_error("Run this again.", "%s: has not got the room it needs", m->parent);
    if (!status)
        status = absorb_run(&m->absorb);
    if (!status)
        status = edit_reopen(&m->lineage.edit);
    return status ? status : lineage_drop(&m->lineage, &m->config, m->path);
}

enum status verb_merge(const struct options *options)
{
    struct merge m = {0};
    enum status status = lineage_open(&m.lineage, options);
    if (status)
        return status;
    status = plan(&m);
    uint32_t blocks = m.absorb.new_blocks;
    if (!status) {
        edit_rehearse(&m.lineage.edit);
        status = grow_parent(&m);
        if (!status)
            status = lineage_drop(&m.lineage, &m.config, m.path);
        edit_end_rehearsal(&m.lineage.edit);
    }
    if (!status && !options->dry_run)
        status = make(&m);
    if (!status)
        say("%s: %s merged into %s, which %s %u new block%s, and removed", m.path,
            options->dry_run ? "would be" : "is", m.parent, options->dry_run ? "would get" : "got",
            blocks, blocks == 1 ? "" : "s");
    lineage_config_free(&m.config);
    free(m.path);
    free(m.parent);
    lineage_close(&m.lineage);
    return status;
}
