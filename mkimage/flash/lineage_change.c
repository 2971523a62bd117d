/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What snapshot, rollback, merge and their like write alike: the config that leads to another
 * image, and images that go. In a rehearsal nothing is written.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "cli/path.h"
#include "core/base/arena.h"
#include "core/base/file.h"
#include "core/base/path.h"
#include "core/entry/config.h"
#include "core/entry/open.h"
#include "core/ntfs/ntfs.h"
#include "flash/config_text.h"
#include "flash/dependents.h"
#include "flash/edit.h"
#include "flash/lineage.h"
#include "flash/sums.h"

/* Does an entry's `vhd =` value lead into the folder of a whole path? Of two ways to write it, with
 * another volume's name or through .., no is said. */
static bool into_folder_of(const char *value, const char *path)
{
    const char *colon = strchr(value, ':');
    value = colon ? colon + 1 : value;
    value += path_is_separator(*value);
    path += path_is_separator(*path);
    size_t length = path_folder_length(path);
    bool same = path_folder_length(value) == length;
    for (size_t i = 0; same && i < length; i++)
        same = path_is_separator(path[i]) ? path_is_separator(value[i])
                                          : !strncasecmp(value + i, path + i, 1);
    return same;
}

/* The `vhd =` value for an image at `path`: in the leaf's folder as the entry writes that; whole
 * where the entry starts the leaf by a name in another folder. */
static const char *leaf_value(struct lineage *l, unsigned index, const char *path)
{
    const char *old = l->text.config.entry[index].vhd, *own = lineage_path(l, 0);
    size_t folder = path_folder_length(path);
    bool beside = folder == path_folder_length(own) && !strncasecmp(path, own, folder) &&
                  (index == l->entry || into_folder_of(old, own));
    size_t keep = beside ? path_folder_length(old) : 0;
    char *value = arena_alloc(&l->edit.session.target.arena, keep + strlen(path) + 1);
    if (!value)
        return NULL;
    memcpy(value, old, keep);
    strcpy(value + keep, path + (beside ? folder : 0));
    return value;
}

static enum status keep_text(const struct config_text *from, char **text, size_t *size)
{
    *text = malloc(from->size + 1);
    if (!*text)
        return say_no_memory();
    memcpy(*text, from->text, from->size);
    *size = from->size;
    return STATUS_OK;
}

enum status lineage_plan_config(struct lineage *l, const char *path, bool all,
                                struct lineage_config *c)
{
    struct arena *arena = &l->edit.session.target.arena;
    struct ntfs_identity leaf = ntfs_identify(&l->chain.link[0]->file);
    *c = (struct lineage_config){0};
    enum status status =
        all ? lineage_no_starter_elsewhere(l, &leaf, lineage_path(l, 0)) : STATUS_OK;
    if (!status)
        status = lineage_complete(l, c);
    for (unsigned i = 0; !status && i < l->text.config.count; i++) {
        if (i != l->entry && !(all && lineage_starts(l, i, l->chain.link[0])))
            continue;
        const char *value = leaf_value(l, i, path);
        status = value ? config_text_set_vhd(&l->text, i, value, arena) : say_no_memory();
    }
    if (!status)
        status = lineage_keep_then(l, c);
    if (status)
        lineage_config_free(c);
    return status;
}

void lineage_config_free(struct lineage_config *c)
{
    free(c->first);
    free(c->then);
    *c = (struct lineage_config){0};
}

static enum status put(struct lineage *l, const char *text, size_t size)
{
    struct edit_content content = {.front = text, .front_size = size, .size = size};
    return edit_put(&l->edit, BOOT_CONFIG_PATH, &content, NULL);
}

enum status lineage_complete(struct lineage *l, struct lineage_config *c)
{
    *c = (struct lineage_config){0};
    bool complete = l->text.complete;
    enum status status = config_text_complete(&l->text, &l->edit.session.target.arena);
    return status || complete ? status : keep_text(&l->text, &c->first, &c->first_size);
}

enum status lineage_keep_then(struct lineage *l, struct lineage_config *c)
{
    free(c->then);
    c->then = NULL;
    return keep_text(&l->text, &c->then, &c->then_size);
}

enum status lineage_put_first(struct lineage *l, const struct lineage_config *c)
{
    return c->first ? put(l, c->first, c->first_size) : STATUS_OK;
}

enum status lineage_put_then(struct lineage *l, const struct lineage_config *c)
{
    return put(l, c->then, c->then_size);
}

enum status lineage_remove(struct lineage *l, const char *path)
{
    bool real = !l->edit.rehearsal;
    const struct dependents *images;
    struct file file;
    struct fail f;
    if (ntfs_open(&l->edit.session.target.volume, path, &file, &f))
        return say_fail(&f);
    struct ntfs_identity own = ntfs_identify(&file);
    enum status status = sums_forget_file(&l->edit, path);
    if (!status)
        status = lineage_images(l, &images); /* from before the change where it is known */
    unsigned names = 0;
    for (size_t i = 0; !status && i < images->count; i++) {
        if (!ntfs_same_file(&images->image[i].file, &own))
            continue;
        if (names++ && real)
            status = edit_reopen(&l->edit);
        if (!status)
            status = edit_remove(&l->edit, images->image[i].path);
    }
    return status || names ? status : edit_remove(&l->edit, path);
}

enum status lineage_drop(struct lineage *l, const struct lineage_config *c, const char *path)
{
    bool real = !l->edit.rehearsal;
    enum status status = lineage_put_first(l, c);
    if (!status && real && c->first)
        status = edit_reopen(&l->edit);
    if (!status)
        status = lineage_put_then(l, c);
    if (!status && real)
        status = edit_reopen(&l->edit);
    return status ? status : lineage_remove(l, path);
}
