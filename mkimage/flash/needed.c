/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts together what lineage.h, dependents.h and menus.h answer. In doubt the image is needed. */
#include "flash/needed.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "cli/path.h"
#include "core/chain/path.h"
#include "core/entry/open.h"
#include "core/entry/volumes.h"
#include "flash/dependents.h"
#include "flash/entry.h"
#include "flash/menus.h"
#include "ntfs/volume.h"

#define FIRST_USER_RECORD 24u /* those before are the file system's own, and 16 to 23 are kept */

enum status needed_find(struct needed *n, struct lineage *l, const char *vhd,
                        const struct config_entry *entry)
{
    struct target *t = &l->edit.session.target;
    struct file file;
    struct fail f;
    unsigned volume;
    *n = (struct needed){.place = NEEDED_HERE};
    const char *named = vhd + chain_path_volume(vhd);
    if (asprintf(&n->path, "\\%s", named + strspn(named, "\\/")) < 0)
        return say_no_memory();
    path_backslashes(n->path);
    enum err err = volumes_open(&t->volumes, vhd, &file, &volume, &f);
    if (err == ERR_NOT_FOUND) {
        n->place = NEEDED_GONE;
        return STATUS_OK;
    }
    if (err)
        return say_fail(&f);
    n->file = ntfs_identify(&file);
    if (volume)
        n->place = NEEDED_ELSEWHERE;
    if (n->file.record < FIRST_USER_RECORD)
        return say_error("Name an image.", "%s: is the file system's own", vhd);
    struct config_entry own = {.name = "", .title = ""};
    if (entry)
        own = *entry;
    own.vhd = vhd;
    err = boot_open_chain(&l->chain, &own, &t->volumes, &t->arena, &f);
    n->is_image = l->chain.count;
    return STATUS_OK;
}

void needed_free(struct needed *n)
{
    free(n->path);
    *n = (struct needed){0};
}

static enum status starts(char **why, const char *entry)
{
    return asprintf(why, "entry %s starts it", entry) < 0 ? say_no_memory() : STATUS_OK;
}

/* It cannot be opened: what may be its child, for all that is known? */
static enum status maybe_child(struct lineage *l, char **why)
{
    const struct dependents *images;
    enum status status = lineage_images(l, &images);
    for (size_t i = 0; !status && i < images->count; i++) {
        if (!images->image[i].parent_found)
            return asprintf(why, "it may be the parent of %s, and cannot be opened itself",
                            images->image[i].path) < 0
                       ? say_no_memory()
                       : STATUS_OK;
    }
    return status;
}

enum status needed_by(struct needed *n, struct lineage *l, unsigned except, char **why)
{
    *why = NULL;
    for (unsigned i = 0; i < l->text.config.count; i++) {
        if (i != except && lineage_starts_file(l, i, &n->file))
            return starts(why, l->text.config.entry[i].name);
    }
    char *who;
    enum status status = menus_starter(&l->edit.session.target, &n->file, false, &who);
    if (!status && who)
        status = starts(why, who);
    free(who);
    if (status || *why)
        return status;
    if (!n->is_image)
        return maybe_child(l, why);
    status = lineage_dependent(l, l->chain.link[0], NULL, &who);
    if (!status && who && asprintf(why, "it is the parent of %s", who) < 0)
        status = say_no_memory();
    free(who);
    return status;
}

enum status needed_no_child(struct lineage *l, const struct image *image,
                            const struct ntfs_identity *file, const char *path, const char *writer)
{
    const struct dependents *images;
    enum status status = lineage_images(l, &images);
    const struct dependent *child = status ? NULL : dependents_of(images, image, file, file);
    if (child)
        status = say_error("Give that entry write = discard or none, or remove that image.",
                           "%s: would be the parent of %s, which would be damaged by what entry "
                           "%s writes",
                           path, child->path, writer);
    return status;
}

static enum status say_writer(const char *path, const char *entry)
{
    return say_error("Give that entry write = none, or remove it.",
                     "%s: entry %s starts it as well, and would damage its child by writing to it",
                     path, entry);
}

enum status needed_no_writer(struct lineage *l, const char *path)
{
    struct target *t = &l->edit.session.target;
    const struct config *config = &l->text.config;
    struct file file;
    struct fail f;
    for (unsigned i = 0; i < config->count; i++) {
        const char *vhd = config->entry[i].vhd;
        if (entry_keeps_writes(&config->entry[i]) &&
            volume_same_path(vhd + chain_path_volume(vhd), path))
            return say_writer(path, config->entry[i].name);
    }
    if (ntfs_open(&t->volume, path, &file, &f))
        return STATUS_OK;
    struct ntfs_identity own = ntfs_identify(&file);
    for (unsigned i = 0; i < config->count; i++) {
        if (entry_keeps_writes(&config->entry[i]) && lineage_starts_file(l, i, &own))
            return say_writer(path, config->entry[i].name);
    }
    char *who;
    enum status status = menus_starter(t, &own, true, &who);
    if (!status && who)
        status = say_writer(path, who);
    free(who);
    return status;
}

bool needed_is_listed(const char *path)
{
    const char *dot = strrchr(path, '.');
    path += strspn(path, "\\/");
    return !strpbrk(path, "\\/") && dot && (!strcasecmp(dot, ".vhd") || !strcasecmp(dot, ".vhdx"));
}
