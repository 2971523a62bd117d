/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opens the chain as the machine does, but that no write mode counts, and keeps what is needed
 * to open it again after a change. Changes nothing but the config, and that by edit.h.
 */
#include "flash/lineage.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "core/base/arena.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "core/chain/chain.h"
#include "core/chain/path.h"
#include "core/entry/config.h"
#include "core/entry/open.h"
#include "core/entry/volumes.h"
#include "core/ntfs/ntfs.h"
#include "flash/dependents.h"
#include "flash/entry.h"
#include "flash/menus.h"
#include "flash/target.h"

/* The chain as the machine opens it. Write modes are none of this program's business. */
static enum err open_chain(struct lineage *l, struct chain *chain, const char *vhd, struct fail *f)
{
    struct target *t = &l->edit.session.target;
    struct config_entry entry = l->text.config.entry[l->entry];
    entry.vhd = vhd;
    return boot_open_chain(chain, &entry, &t->volumes, &t->arena, f);
}

static enum status check_leaf(const struct lineage *l)
{
    const struct image *image = &l->chain.link[0]->image;
    if (!lineage_on_volume(l, 0))
        return say_error("Name the disk that it lies on as TARGET, with a config of its own.",
                         "%s: lies on another volume", l->text.config.entry[l->entry].vhd);
    if (image->format == IMAGE_RAW)
        return say_error("Convert it to a fixed VHD first (qemu-img convert -O vpc -o "
                         "subformat=fixed,force_size=on), and name that in the config.",
                         "%s: is a raw disk, which has no id: a child could not tell it from "
                         "another disk or from a changed one",
                         image->file->path);
    return STATUS_OK;
}

static enum status find_entry(struct lineage *l, const char *name)
{
    if (entry_find(&l->text.config, name, &l->entry))
        return STATUS_OK;
    return say_error("mkimage check TARGET --entry NAME tells the entries that there are.",
                     "%s: there is no entry %s", l->edit.path, name);
}

/* The config, and all volumes that a path may name. */
static enum status open_text(struct lineage *l)
{
    struct target *t = &l->edit.session.target;
    struct fail f;
    if (volumes_find(&t->volumes, &f))
        return say_fail(&f);
    return l->may_be_empty ? config_text_open_empty(&l->text, &t->volume, &t->arena)
                           : config_text_open(&l->text, &t->volume, &t->arena);
}

enum status lineage_open_menu(struct lineage *l, const struct options *options)
{
    *l = (struct lineage){.may_be_empty = true};
    enum status status = edit_open(&l->edit, options);
    if (status)
        return status;
    status = target_further(&l->edit.session.target, options->drive, options->drives);
    if (!status)
        status = open_text(l);
    if (status)
        lineage_close(l);
    return status;
}

/* What was opened before a change says nothing any more. */
static void forget(struct lineage *l)
{
    config_text_close(&l->text);
    dependents_free(&l->dependents);
    l->dependents_known = false;
    l->chain.count = 0;
}

enum status lineage_reopen_menu(struct lineage *l)
{
    forget(l);
    enum status status = edit_reopen(&l->edit);
    return status ? status : open_text(l);
}

/* Place `i` where the leaf's parent may lie, as the chain tries them; NULL behind the last one. */
static const char *parent_place(struct lineage *l, unsigned i)
{
    const struct chain_link *leaf = l->chain.link[0];
    const struct config_entry *entry = &l->text.config.entry[l->entry];
    unsigned own = leaf->image.parent_count;
    if (i < own)
        return chain_parent_path(leaf->path, &leaf->image.parent[i], &l->edit.session.target.arena);
    return i < own + entry->parent_count ? entry->parent[i - own] : NULL;
}

/* What lies where the leaf looks for its parent, when that is not its parent: a disk that starts.
 */
static bool find_other_parent(struct lineage *l)
{
    struct arena *arena = &l->edit.session.target.arena;
    struct chain *chain = arena_alloc(arena, sizeof *chain);
    const char *path;
    struct fail f;
    for (unsigned i = 0; chain && (path = parent_place(l, i)); i++) { /* ends: i grows */
        if (open_chain(l, chain, path, &f))
            continue;
        struct ntfs_identity own = ntfs_identify(&l->chain.link[0]->file);
        struct ntfs_identity other = ntfs_identify(&chain->link[0]->file);
        if (ntfs_same_file(&own, &other))
            continue;
        l->parent = chain;
        return true;
    }
    return false;
}

/* The leaf is there, and not all of its parents are. */
static enum status open_broken(struct lineage *l, struct fail *f, bool to_drop)
{
    bool other =
        f->err == ERR_PARENT && l->chain.count && (l->chain.count > 1 || find_other_parent(l));
    (void)fail_subject(f, l->edit.session.target.device.path);
    if (!other)
        return say_fail(f);
    if (!to_drop)
        return say_fail_advice(f, "Or give up what was written since: mkimage rollback --drop lets "
                                  "the entry start the image that is there now.");
    l->broken = true;
    return STATUS_OK;
}

static enum status open_lineage(struct lineage *l, const struct options *options, bool to_drop)
{
    *l = (struct lineage){0};
    enum status status = edit_open(&l->edit, options);
    if (status)
        return status;
    struct fail f;
    status = target_further(&l->edit.session.target, options->drive, options->drives);
    if (!status)
        status = open_text(l);
    if (!status)
        status = find_entry(l, options->entry);
    if (!status)
        l->entry_name = strdup(l->text.config.entry[l->entry].name);
    if (!status && !l->entry_name)
        status = say_no_memory();
    if (!status && open_chain(l, &l->chain, l->text.config.entry[l->entry].vhd, &f))
        status = open_broken(l, &f, to_drop);
    if (!status)
        status = check_leaf(l);
    if (status)
        lineage_close(l);
    return status;
}

enum status lineage_open(struct lineage *l, const struct options *options)
{
    return open_lineage(l, options, false);
}

enum status lineage_open_to_drop(struct lineage *l, const struct options *options)
{
    return open_lineage(l, options, true);
}

void lineage_close(struct lineage *l)
{
    free(l->entry_name);
    dependents_free(&l->dependents);
    config_text_close(&l->text);
    edit_close(&l->edit);
}

enum status lineage_reopen(struct lineage *l, const char *vhd)
{
    forget(l);
    enum status status = edit_reopen(&l->edit);
    struct target *t = &l->edit.session.target;
    struct fail f;
    if (!status)
        status = open_text(l);
    if (!status)
        status = find_entry(l, l->entry_name);
    char *kept = status ? NULL : arena_alloc(&t->arena, strlen(vhd) + 1);
    if (kept)
        strcpy(kept, vhd);
    else if (!status)
        status = say_no_memory();
    if (!status && open_chain(l, &l->chain, kept, &f)) {
        (void)fail_subject(&f, t->device.path);
        status = say_fail(&f);
    }
    return status;
}

static const char *link_path(const struct chain_link *x)
{
    /* file.path has the volume's letters, but is cut where it is long. */
    const char *path = strlen(x->file.path) < sizeof x->file.path - 4 ? x->file.path : x->path;
    return path + chain_path_volume(path);
}

const char *lineage_path(const struct lineage *l, unsigned link)
{
    return link_path(lineage_link(l, link));
}

const struct chain_link *lineage_link(const struct lineage *l, unsigned link)
{
    return link && l->parent ? l->parent->link[link - 1] : l->chain.link[link];
}

bool lineage_on_volume(const struct lineage *l, unsigned link)
{
    return ntfs_volume_of(&lineage_link(l, link)->file) == &l->edit.session.target.volume;
}

enum status lineage_images(struct lineage *l, const struct dependents **images)
{
    enum status status = STATUS_OK;
    if (!l->dependents_known)
        status = dependents_list(&l->dependents, &l->edit.session.target);
    l->dependents_known = !status;
    *images = &l->dependents;
    return status;
}

/* Does the chain, which may have been opened in part, stand on the image by another child? */
static const struct chain_link *stands_on(const struct chain *chain, const struct chain_link *image,
                                          const struct chain_link *except)
{
    struct ntfs_identity wanted = ntfs_identify(&image->file), other = {0};
    if (except)
        other = ntfs_identify(&except->file);
    for (unsigned i = 0; i < chain->count; i++) {
        const struct chain_link *child = chain->link[i];
        struct ntfs_identity own = ntfs_identify(&child->file);
        if (except && ntfs_same_file(&own, &other))
            continue;
        if (i + 1 < chain->count) {
            struct ntfs_identity parent = ntfs_identify(&chain->link[i + 1]->file);
            if (ntfs_same_file(&parent, &wanted))
                return child;
        } else if (dependents_names(child->image.format, child->image.parent_id,
                                    child->image.parent_ids, &image->image)) {
            return child; /* its chain ends here, as its parent cannot be opened */
        }
    }
    return NULL;
}

struct question {
    struct arena *arena;
    const struct chain_link *image, *except;
    char **who;
    bool no_memory;
};

/* An entry of a menu; one that cannot be opened at all may depend on anything. */
static bool ask_entry(void *ctx, const struct menus_entry *e)
{
    static struct chain chain;
    struct question *q = ctx;
    struct fail f;
    if (!*e->entry->vhd)
        return true; /* it starts no image */
    enum err err = boot_open_chain(&chain, e->entry, e->volumes, q->arena, &f);
    const struct chain_link *child = stands_on(&chain, q->image, q->except);
    if (child)
        q->no_memory = asprintf(q->who, "%s, which entry %s%s starts", child->file.path,
                                e->entry->name, e->where) < 0;
    else if (err && !chain.count)
        say_warning("entry %s%s cannot be opened, so what it depends on is not known",
                    e->entry->name, e->where);
    return !child;
}

enum status lineage_dependent(struct lineage *l, const struct chain_link *image,
                              const struct chain_link *except, char **who)
{
    const struct dependents *images;
    struct ntfs_identity own = ntfs_identify(&image->file), other = {0};
    *who = NULL;
    if (except)
        other = ntfs_identify(&except->file);
    enum status status = lineage_images(l, &images);
    if (status)
        return status;
    const struct dependent *child =
        dependents_of(images, &image->image, &own, except ? &other : NULL);
    if (!child) {
        struct target *t = &l->edit.session.target;
        struct question q = {&t->arena, image, except, who, false};
        status = menus_each(t, &l->text.config, ask_entry, &q);
        return q.no_memory ? say_no_memory() : status;
    }
    *who = strdup(child->path);
    return *who ? STATUS_OK : say_no_memory();
}

enum status lineage_no_dependents(struct lineage *l, const struct chain_link *image,
                                  const struct chain_link *except)
{
    char *who;
    enum status status = lineage_dependent(l, image, except, &who);
    if (!status && who)
        status = say_error("Merge or remove that one first.",
                           "%s: is the parent of %s as well, which would be damaged",
                           link_path(image), who);
    free(who);
    return status;
}

enum status lineage_no_merge(struct lineage *l)
{
    const struct image *leaf = &l->chain.link[0]->image;
    const struct dependents *images;
    const char *advice = "Finish the merge first: mkimage merge.";
    if (l->chain.count > 1 && chain_merge_names(&l->chain, 1, leaf))
        return say_error(advice, "%s: its merge into %s is not finished", lineage_path(l, 0),
                         lineage_path(l, 1));
    if (!leaf->merge)
        return STATUS_OK;
    enum status status = lineage_images(l, &images);
    struct ntfs_identity own = ntfs_identify(&l->chain.link[0]->file);
    const struct dependent *child = status ? NULL : dependents_merged(images, leaf, &own, NULL);
    if (child)
        status = say_error(advice, "%s: the merge of %s into it is not finished",
                           lineage_path(l, 0), child->path);
    return status;
}

bool lineage_starts(struct lineage *l, unsigned index, const struct chain_link *image)
{
    struct ntfs_identity wanted = ntfs_identify(&image->file);
    return lineage_starts_file(l, index, &wanted);
}

bool lineage_starts_file(struct lineage *l, unsigned index, const struct ntfs_identity *wanted)
{
    struct target *t = &l->edit.session.target;
    struct file file;
    struct fail f;
    unsigned volume;
    const char *vhd = l->text.config.entry[index].vhd;
    if (!*vhd)
        return false; /* it starts no image */
    size_t mark = arena_mark(&t->arena);
    bool starts = !volumes_open(&t->volumes, vhd, &file, &volume, &f);
    if (starts) {
        struct ntfs_identity own = ntfs_identify(&file);
        starts = ntfs_same_file(&own, wanted);
    }
    arena_release(&t->arena, mark);
    return starts;
}

enum status lineage_no_starter_elsewhere(struct lineage *l, const struct ntfs_identity *file,
                                         const char *path)
{
    char *who;
    enum status status = menus_starter(&l->edit.session.target, file, false, &who);
    if (!status && who)
        status = say_error("Let that entry start another image, or remove it.",
                           "%s: entry %s starts it as well, and would find it gone", path, who);
    free(who);
    return status;
}
