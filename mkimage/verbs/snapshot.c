/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage snapshot: a differencing child of the entry's image, which the entry starts from then on.
 * The child is complete and on the disk before the config leads to it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "cli/options.h"
#include "cli/path.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "core/chain/chain.h"
#include "core/entry/config.h"
#include "core/map/map.h"
#include "core/ntfs/ntfs.h"
#include "flash/edit.h"
#include "flash/entry.h"
#include "flash/lineage.h"
#include "flash/menus.h"
#include "flash/merge_mark.h"
#include "flash/sums.h"
#include "image/newvhd.h"
#include "image/slack.h"
#include "ntfs/volume.h"
#include "verbs/verbs.h"

#define NAMES_MAX 10000u

struct snapshot {
    struct lineage lineage;
    char *parent, *path; /* where the two lie */
    struct newvhd vhd;
    uint32_t slots, pieces;
    struct lineage_config config;
};

static bool is_there(struct lineage *l, const char *path)
{
    struct file file;
    struct fail f;
    return ntfs_open(&l->edit.session.target.volume, path, &file, &f) != ERR_NOT_FOUND;
}

/* The parent's name with a number that no file has yet: x.vhd, x-1.vhd, x-2.vhd. */
static char *derived_path(struct lineage *l, const char *parent)
{
    const char *dot = strrchr(parent, '.');
    size_t stem = dot && !strpbrk(dot, "\\/") ? (size_t)(dot - parent) : strlen(parent);
    const char *suffix = parent + stem;
    size_t digits = stem;
    while (digits && parent[digits - 1] >= '0' && parent[digits - 1] <= '9')
        digits--;
    unsigned number = 0;
    if (digits < stem && stem - digits < 5 && digits > 1 && parent[digits - 1] == '-' &&
        parent[digits - 2] != '\\') {
        number = (unsigned)strtoul(parent + digits, NULL, 10);
        stem = digits - 1;
    }
    for (unsigned i = 0; i < NAMES_MAX; i++) {
        char *path;
        if (asprintf(&path, "%.*s-%u%s", (int)stem, parent, ++number, suffix) < 0)
            return NULL;
        if (!is_there(l, path))
            return path;
        free(path);
    }
    return NULL;
}

static char *named_path(const char *parent, const char *name)
{
    bool from_root = strpbrk(name, "\\/");
    const char *last = strrchr(parent, '\\');
    size_t folder = from_root || !last ? 0 : (size_t)(last - parent);
    name += strspn(name, "\\/");
    char *path;
    if (asprintf(&path, "%.*s\\%s", (int)folder, parent, name) < 0)
        return NULL;
    path_backslashes(path);
    return path;
}

static enum status choose_path(struct snapshot *s, const struct options *options)
{
    s->parent = strdup(lineage_path(&s->lineage, 0));
    if (s->parent)
        s->path = options->name ? named_path(s->parent, options->name)
                                : derived_path(&s->lineage, s->parent);
    if (!s->path)
        return say_error("Say a --name.", "%s: no name for its child can be found", s->parent);
    const char *dot = strrchr(s->path, '.');
    bool vhdx = s->lineage.chain.link[0]->image.format == IMAGE_VHDX;
    if (options->name && (!dot || (strcasecmp(dot, vhdx ? ".vhdx" : ".vhd") &&
                                   strcasecmp(dot, vhdx ? ".avhdx" : ".avhd"))))
        return say_usage("--name %s: the name of a %s", options->name,
                         vhdx ? "VHDX ends in .vhdx" : "VHD ends in .vhd");
    if (!volume_name_ok(s->path))
        return say_error("Choose another --name.", "%s: NTFS takes no such name", s->path);
    if (is_there(&s->lineage, s->path))
        return say_error("Choose another --name, or remove it.", "%s: exists already", s->path);
    return STATUS_OK;
}

static enum status under_child(struct lineage *l, const char *entry)
{
    return say_error("Give that entry write = none, or remove it.",
                     "%s: entry %s starts it as well, and would damage its child by writing to it",
                     lineage_path(l, 0), entry);
}

static enum status check_other_menus(struct lineage *l)
{
    struct ntfs_identity own = ntfs_identify(&l->chain.link[0]->file);
    char *who;
    enum status status = menus_starter(&l->edit.session.target, &own, true, &who);
    if (!status && who)
        status = under_child(l, who);
    free(who);
    return status;
}

/* Another entry that starts the same image would write to it under its child. */
static enum status check_entries(struct lineage *l)
{
    const struct config *config = &l->text.config;
    const struct config_entry *own = &config->entry[l->entry];
    if (!entry_keeps_writes(own))
        return say_error("Give the entry write = persistent first, if changes are to be kept.",
                         "entry %s: has %s, so nothing would ever be written to its child",
                         own->name,
                         own->write == WRITE_NONE ? "write = none"
                         : own->ram               ? "ram = yes"
                                                  : "write = discard");
    for (unsigned i = 0; i < config->count; i++) {
        if (i != l->entry && entry_keeps_writes(&config->entry[i]) &&
            lineage_starts(l, i, l->chain.link[0]))
            return under_child(l, config->entry[i].name);
    }
    return check_other_menus(l);
}

static enum status plan(struct snapshot *s, const struct options *options)
{
    struct lineage *l = &s->lineage;
    struct image *image = &l->chain.link[0]->image;
    if (l->chain.count == CHAIN_MAX)
        return say_error("Merge some of them first.",
                         "%s: has %u parents, and no more are possible", lineage_path(l, 0),
                         CHAIN_MAX - 1);
    enum status status = slack_may_write(image);
    if (!status)
        status = lineage_no_merge(l);
    if (!status)
        status = check_entries(l);
    if (!status)
        status = choose_path(s, options);
    if (!status)
        status = newvhd_make(&s->vhd, image, s->path, s->parent, NEWVHD_BLOCK_SIZE);
    if (!status)
        status = lineage_plan_config(l, s->path, false, &s->config);
    uint64_t free_bytes = 0;
    if (!status)
        status = edit_free(&l->edit, &free_bytes);
    if (!status)
        s->slots = options->given & OPTION_NEW_SIZE ? slack_wanted(&s->vhd.slack, options->size)
                                                    : slack_default(&s->vhd.slack, free_bytes);
    if (!status && !slack_size(&s->vhd.slack, s->slots))
        status = slack_too_large(s->path, "Choose a smaller --size.");
    return status;
}

/* Takes the mark of a merge away whose child is gone. A VHDX has another id after that, which the
 * child has to name. */
static enum status unmark(struct snapshot *s)
{
    struct lineage *l = &s->lineage;
    enum status status = merge_mark_end(&l->edit, l->chain.link[0]);
    if (!status)
        status = lineage_reopen(l, s->parent);
    newvhd_free(&s->vhd);
    return status ? status
                  : newvhd_make(&s->vhd, &l->chain.link[0]->image, s->path, s->parent,
                                NEWVHD_BLOCK_SIZE);
}

/* All that is written; in a rehearsal, nothing is. */
static enum status make(struct snapshot *s)
{
    struct lineage *l = &s->lineage;
    bool real = !l->edit.rehearsal;
    enum status status = STATUS_OK;
    if (real && l->chain.link[0]->image.merge)
        status = unmark(s);
    if (status)
        return status;
    struct edit_content content = {.front = s->vhd.front,
                                   .front_size = s->vhd.front_size,
                                   .size = slack_size(&s->vhd.slack, s->slots)};
    newvhd_end(&s->vhd, &content.back, &content.back_size, content.size);
    unsigned depth = l->chain.count;
    status = sums_mark_written(&l->edit, s->parent, NULL);
    if (!status)
        status = lineage_put_first(l, &s->config);
    if (!status && real && s->config.first)
        status = lineage_reopen(l, s->parent);
    if (real)
        progress_start("making the child", content.size);
    if (!status)
        status = edit_put(&l->edit, s->path, &content, &s->pieces);
    progress_end();
    if (!status && real)
        status = lineage_reopen(l, s->path);
    if (!status && real && l->chain.count != depth + 1)
        status = say_error("Remove it, and check the volume (chkdsk).",
                           "%s: does not lead to its parent", s->path);
    if (!status)
        status = lineage_put_then(l, &s->config);
    return status;
}

enum status verb_snapshot(const struct options *options)
{
    struct snapshot s = {0};
    enum status status = lineage_open(&s.lineage, options);
    if (status)
        return status;
    status = plan(&s, options);
    if (!status) {
        edit_rehearse(&s.lineage.edit);
        status = make(&s);
        edit_end_rehearsal(&s.lineage.edit);
    }
    if (!status && !options->dry_run)
        status = make(&s);
    if (!status) {
        say("%s: %s a child of %s, room for %s, %" PRIu32 " fragment%s", s.path,
            options->dry_run ? "would become" : "is", s.parent, slack_text(&s.vhd.slack, s.slots),
            s.pieces, s.pieces == 1 ? "" : "s");
        if (!s.slots)
            say_warning("%s: has no room for new data, so writes will fail; make room on the "
                        "volume and run mkimage reserve",
                        s.path);
    }
    lineage_config_free(&s.config);
    newvhd_free(&s.vhd);
    free(s.parent);
    free(s.path);
    lineage_close(&s.lineage);
    return status;
}
