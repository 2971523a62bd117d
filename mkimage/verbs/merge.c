/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage merge: the child's blocks into its parent (fold.h), then the menu leads to the parent,
 * then the child goes. Until the menu is changed the child boots, and reads as before; from then on
 * the parent does, and holds everything.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/options.h"
#include "cli/say.h"
#include "core/chain/chain.h"
#include "flash/edit.h"
#include "flash/fold.h"
#include "flash/grow.h"
#include "flash/leaf.h"
#include "verbs/verbs.h"

struct merge {
    struct leaf leaf;
    char *path, *parent;
    struct fold fold;
    uint32_t add; /* slots that the parent needs before */
    struct leaf_menu menu;
};

/* Core's view of the two, as it is now. */
static enum status look(struct merge *m)
{
    struct chain *chain = &m->leaf.disk.chain;
    m->fold = (struct fold){.edit = &m->leaf.edit,
                            .child = chain->link[0],
                            .parent = chain->link[1],
                            .arena = &m->leaf.edit.session.target.arena};
    enum status status = fold_open(&m->fold);
    uint32_t have = m->fold.slack.now.count;
    m->add = m->fold.new_blocks > have ? m->fold.new_blocks - have : 0;
    return status;
}

static enum status plan(struct merge *m)
{
    struct leaf *l = &m->leaf;
    if (l->disk.chain.count < 2)
        return say_error("mkimage snapshot makes a child that can be merged.",
                         "%s: has no parent to merge it into", leaf_path(l, 0));
    m->path = strdup(leaf_path(l, 0));
    m->parent = strdup(leaf_path(l, 1));
    if (!m->path || !m->parent)
        return say_error("Free some memory.", "out of memory");
    if (!leaf_on_volume(l, 1))
        return say_error("Copy both onto one volume first.", "%s: lies on another volume",
                         m->parent);
    enum status status = leaf_no_children(l, 0, CHAIN_MAX);
    if (!status)
        status = leaf_no_children(l, 1, 0);
    if (!status)
        status = look(m);
    return status ? status : leaf_plan_menu(l, m->parent, true, &m->menu);
}

static enum status grow_parent(struct merge *m)
{
    struct chain_link *parent = m->leaf.disk.chain.link[1];
    return m->add ? grow_slots(&m->leaf.edit, m->parent, &m->fold.slack, m->add, &parent->extents,
                               NULL)
                  : STATUS_OK;
}

static enum status switch_menu(struct merge *m)
{
    struct edit *e = &m->leaf.edit;
    enum status status = leaf_put_first(&m->leaf, &m->menu);
    if (!status && !e->rehearsal && m->menu.first)
        status = edit_reopen(e);
    if (!status)
        status = leaf_put_then(&m->leaf, &m->menu);
    if (!status && !e->rehearsal)
        status = edit_reopen(e);
    return status ? status : edit_remove(e, m->path);
}

static enum status make(struct merge *m)
{
    enum status status = grow_parent(m);
    if (!status && m->add)
        status = leaf_reopen(&m->leaf, m->path);
    if (!status && m->add)
        status = look(m);
    if (!status && m->add)
        status = say_error("Run this again.", "%s: has not got the room it needs", m->parent);
    if (!status)
        status = fold_run(&m->fold);
    if (!status)
        status = edit_reopen(&m->leaf.edit);
    return status ? status : switch_menu(m);
}

enum status verb_merge(const struct options *options)
{
    struct merge m = {0};
    enum status status = leaf_open(&m.leaf, options);
    if (status)
        return status;
    status = plan(&m);
    uint32_t blocks = m.fold.new_blocks;
    if (!status) {
        edit_rehearse(&m.leaf.edit);
        status = grow_parent(&m);
        if (!status)
            status = switch_menu(&m);
        edit_end_rehearsal(&m.leaf.edit);
    }
    if (!status && !options->dry_run)
        status = make(&m);
    if (!status)
        say("%s: %s merged into %s, which %s %u new block%s, and removed", m.path,
            options->dry_run ? "would be" : "is", m.parent, options->dry_run ? "would get" : "got",
            blocks, blocks == 1 ? "" : "s");
    leaf_menu_free(&m.menu);
    free(m.path);
    free(m.parent);
    leaf_close(&m.leaf);
    return status;
}
