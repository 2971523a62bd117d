/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A child is what names the old image or another child as its parent, by path or by id. */
#include "flash/children.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "flash/dependents.h"
#include "flash/lineage.h"
#include "flash/needed.h"
#include "flash/plan.h"

bool children_hold(const struct children *c, const struct needed *old,
                   const struct ntfs_identity *file)
{
    for (unsigned i = 0; i < c->count; i++) {
        if (ntfs_same_file(&c->child[i].file, file))
            return true;
    }
    return ntfs_same_file(&old->file, file);
}

static bool remember(struct children *c, const struct dependent *x, bool direct)
{
    struct child *more = realloc(c->child, (c->count + 1) * sizeof *more);
    if (!more)
        return false;
    c->child = more;
    struct child *one = &more[c->count];
    *one = (struct child){.path = strdup(x->path),
                          .on_volume = x->on_volume,
                          .direct = direct,
                          .file = x->file,
                          .image = {.format = x->format},
                          .parent_ids = x->parent_ids};
    memcpy(one->image.id, x->id, sizeof one->image.id);
    memcpy(one->parent_id, x->parent_id, sizeof one->parent_id);
    c->count += one->path != NULL;
    return one->path;
}

enum status children_find(struct children *c, struct lineage *l, const struct needed *old)
{
    const struct dependents *images;
    enum status status = lineage_images(l, &images);
    if (status || !old->is_image)
        return status;
    static struct image parent; /* c->child may move while it grows */
    parent = l->chain.link[0]->image;
    struct ntfs_identity file = old->file;
    for (unsigned next = 0;; next++) { /* ends: each image is remembered once */
        const struct dependent *x = NULL;
        while ((x = dependents_next(images, &parent, &file, x))) {
            if (!children_hold(c, old, &x->file) && !remember(c, x, !next))
                return say_no_memory();
        }
        if (next == c->count)
            return STATUS_OK;
        parent = c->child[next].image;
        file = c->child[next].file;
    }
}

void children_free(struct children *c)
{
    for (unsigned i = 0; i < c->count; i++)
        free(c->child[i].path);
    free(c->child);
}

const char *children_names(const struct children *c)
{
    static char text[400];
    size_t used = 0;
    unsigned told = 0;
    for (; told < c->count && told < 4; told++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.80s", told ? ", " : "",
                                 c->child[told].path);
    if (told < c->count)
        snprintf(text + used, sizeof text - used, " and %u more", c->count - told);
    return text;
}

enum status children_may_stay(const struct children *c, const struct flash_image *from)
{
    struct image image = {.format = from->format};
    memcpy(image.id, from->id, sizeof image.id);
    for (unsigned i = 0; i < c->count && !from->is_raw; i++) {
        const struct child *one = &c->child[i];
        if (one->direct &&
            dependents_names(one->image.format, one->parent_id, one->parent_ids, &image))
            return say_error("Say --children drop, or make a copy with an id of its own (mkimage "
                             "vhd convert).",
                             "%s: has the id of the old one, so %s would read it as its parent, "
                             "which it is not",
                             from->source, one->path);
    }
    return STATUS_OK;
}

/* By another name the same file may lead to a parent that stays: all names would go with it. */
static enum status no_other_parent(const struct children *c, struct lineage *l,
                                   const struct needed *old, const struct child *one)
{
    const struct dependents *images;
    enum status status = lineage_images(l, &images);
    for (size_t i = 0; !status && i < images->count; i++) {
        const struct dependent *x = &images->image[i];
        if (ntfs_same_file(&x->file, &one->file) && x->parent_found &&
            !children_hold(c, old, &x->parent))
            status =
                say_error("Remove the first of these names, or say --children keep.",
                          "%s: the same file is %s, which has another parent", one->path, x->path);
    }
    return status;
}

enum status children_may_go(const struct children *c, struct lineage *l, const struct needed *old)
{
    enum status status = STATUS_OK;
    for (unsigned i = 0; !status && i < c->count; i++) {
        const struct child *one = &c->child[i];
        if (!one->on_volume) /* nothing of this program writes to another volume */
            return say_error("Remove it there first.", "%s: lies on another volume", one->path);
        status = no_other_parent(c, l, old, one);
        if (!status)
            status = lineage_no_starter_elsewhere(l, &one->file, one->path);
    }
    return status;
}
