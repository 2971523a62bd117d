/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opens the chain as the machine does, but that no write mode counts, and keeps what is needed
 * to open it again after a change. Changes nothing but the config, and that by edit.h.
 */
#include "flash/lineage.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "cli/path.h"
#include "core/base/arena.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "core/chain/chain.h"
#include "core/chain/path.h"
#include "core/entry/config.h"
#include "core/map/map.h"
#include "core/ntfs/ntfs.h"
#include "flash/dependents.h"
#include "flash/entry.h"
#include "flash/target.h"

/* The chain as the machine opens it. Write modes are none of this program's business. */
static enum err open_chain(struct lineage *l, const char *vhd, struct fail *f)
{
    struct target *t = &l->edit.session.target;
    struct config_entry entry = l->text.config.entry[l->entry];
    entry.vhd = vhd;
    entry.write = WRITE_NONE;
    entry.ram = false;
    return boot_open(&l->disk, &entry, &t->volumes, 0, &t->arena, f);
}

static enum status check_leaf(const struct lineage *l)
{
    const struct image *image = &l->disk.chain.link[0]->image;
    if (!lineage_on_volume(l, 0))
        return say_error("Name the disk that it lies on as TARGET, with a config of its own.",
                         "%s: lies on another volume", l->text.config.entry[l->entry].vhd);
    if (image->format != IMAGE_VHD)
        return say_error("Convert it to a VHD first (qemu-img convert -O vpc).",
                         "%s: is a VHDX, and the loader adds no blocks to one: a child that is a "
                         "VHDX could not be written",
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

enum status lineage_open(struct lineage *l, const struct options *options)
{
    *l = (struct lineage){0};
    enum status status = edit_open(&l->edit, options);
    if (status)
        return status;
    struct target *t = &l->edit.session.target;
    struct fail f;
    target_further(t, options->drive, options->drives);
    status = config_text_open(&l->text, &t->volume, &t->arena);
    if (!status)
        status = find_entry(l, options->entry);
    if (!status && open_chain(l, l->text.config.entry[l->entry].vhd, &f)) {
        (void)fail_subject(&f, t->device.path);
        status = say_fail(&f);
    }
    if (!status)
        status = check_leaf(l);
    if (status)
        lineage_close(l);
    return status;
}

void lineage_close(struct lineage *l)
{
    config_text_close(&l->text);
    edit_close(&l->edit);
}

enum status lineage_reopen(struct lineage *l, const char *vhd)
{
    /* The entry's strings lie in the arena that goes away. */
    const char *const *further = l->edit.session.target.further_path;
    unsigned count = l->edit.session.target.further_paths;
    char *path = strdup(vhd), *name = strdup(l->text.config.entry[l->entry].name);
    config_text_close(&l->text);
    enum status status = path && name ? edit_reopen(&l->edit) : say_no_memory();
    struct target *t = &l->edit.session.target;
    struct fail f;
    if (!status) {
        target_further(t, further, count);
        status = config_text_open(&l->text, &t->volume, &t->arena);
    }
    if (!status)
        status = find_entry(l, name);
    char *kept = status ? NULL : arena_alloc(&t->arena, strlen(path) + 1);
    if (kept)
        strcpy(kept, path);
    if (!status && open_chain(l, kept, &f)) {
        (void)fail_subject(&f, t->device.path);
        status = say_fail(&f);
    }
    free(path);
    free(name);
    return status;
}

const char *lineage_path(const struct lineage *l, unsigned link)
{
    const struct chain_link *x = l->disk.chain.link[link];
    /* file.path has the volume's letters, but is cut where it is long. */
    const char *path = strlen(x->file.path) < sizeof x->file.path - 4 ? x->file.path : x->path;
    return path + chain_path_volume(path);
}

bool lineage_on_volume(const struct lineage *l, unsigned link)
{
    return !chain_path_volume(l->disk.chain.link[link]->path);
}

enum status lineage_no_children(struct lineage *l, unsigned link, unsigned except)
{
    struct chain *chain = &l->disk.chain;
    char *child;
    enum status status =
        dependents_find(&l->edit.session.target, &chain->link[link]->image,
                        except < chain->count ? &chain->link[except]->file : NULL, &child);
    if (!status && child)
        status = say_error("Merge or remove that one first.",
                           "%s: is the parent of %s as well, which would be damaged",
                           lineage_path(l, link), child);
    free(child);
    return status;
}

bool lineage_has_entry(struct lineage *l, unsigned index)
{
    struct target *t = &l->edit.session.target;
    struct file file;
    struct fail f;
    const char *vhd = l->text.config.entry[index].vhd;
    return index == l->entry ||
           (!chain_path_volume(vhd) && !ntfs_open(&t->volume, vhd, &file, &f) &&
            target_same_file(t, &file, &l->disk.chain.link[0]->file));
}

/* The `vhd =` value for an image at `path`: in the leaf's folder as the entry writes that. */
static const char *leaf_value(struct lineage *l, unsigned index, const char *path)
{
    const char *old = l->text.config.entry[index].vhd, *own = lineage_path(l, 0);
    size_t folder = path_folder_length(path);
    bool beside = folder == path_folder_length(own) && !strncasecmp(path, own, folder);
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
    *c = (struct lineage_config){0};
    bool complete = l->text.complete;
    struct arena *arena = &l->edit.session.target.arena;
    enum status status = config_text_complete(&l->text, arena);
    if (!status && !complete)
        status = keep_text(&l->text, &c->first, &c->first_size);
    for (unsigned i = 0; !status && i < l->text.config.count; i++) {
        if (i != l->entry && !(all && lineage_has_entry(l, i)))
            continue;
        const char *value = leaf_value(l, i, path);
        status = value ? config_text_set_vhd(&l->text, i, value, arena) : say_no_memory();
    }
    if (!status)
        status = keep_text(&l->text, &c->then, &c->then_size);
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

enum status lineage_put_first(struct lineage *l, const struct lineage_config *c)
{
    return c->first ? put(l, c->first, c->first_size) : STATUS_OK;
}

enum status lineage_put_then(struct lineage *l, const struct lineage_config *c)
{
    return put(l, c->then, c->then_size);
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
    return status ? status : edit_remove(&l->edit, path);
}
