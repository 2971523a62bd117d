/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage windows tune: the new hive is made and proved in memory; then the old one is kept beside
 * it, once, and the file gets the new content in one step. --undo takes back what tune has set;
 * what Windows has written since is not its to throw away.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/options.h"
#include "cli/say.h"
#include "core/base/endian.h"
#include "core/hive/cell.h"
#include "core/hive/format.h"
#include "flash/edit.h"
#include "verbs/verbs.h"
#include "windows/alone.h"
#include "windows/disk.h"
#include "windows/editing.h"
#include "windows/hivelog.h"
#include "windows/registry.h"
#include "windows/tuning.h"
#include "windows/undoing.h"

#define BACKUP REGISTRY_SYSTEM ".vhdboot-backup"

struct tune {
    const struct options *options;
    struct disk disk;
    struct edit edit;
    struct registry system;
    struct registry saved; /* the backup; without bytes: there is none, or it is no hive */
    struct tuning_wish wish;
    struct tuning tuning;
    uint8_t *bytes; /* what SYSTEM becomes */
    size_t size;
};

static struct target *volume(struct tune *t)
{
    return &t->edit.session.target;
}

static enum status check_hive(struct tune *t)
{
    const struct registry_file *r = &t->system.file;
    if (r->stale)
        return say_error("Start that Windows once and shut it down fully (shutdown /s /t 0).",
                         "%s: is not up to date, and %s", REGISTRY_SYSTEM, r->stale);
    if (r->was_dirty)
        say("%s: takes up %u change%s that waited in its logs", REGISTRY_SYSTEM, r->entries,
            r->entries == 1 ? "" : "s");
    return STATUS_OK;
}

/* Everything of the plan is in the new hive, and it is a hive. */
static enum status prove(struct tune *t)
{
    static struct tuning left;
    struct registry after = {0};
    struct fail f;
    enum err err = hive_open(&after.hive, (struct view){t->bytes, t->size}, &f);
    if (!err && after.hive.dirty)
        err = fail(&f, ERR_HIVE, "the new hive is not up to date", 0);
    if (!err && after.hive.refused)
        err = fail(&f, ERR_HIVE, after.hive.refused, 0);
    if (!err && !registry_find_set(&after, REGISTRY_SYSTEM)) {
        if (t->options->undo)
            undoing_plan(&left, &after, &t->saved);
        else
            tuning_plan(&left, &after, &t->wish);
        if (left.count)
            err = fail(&f, ERR_HIVE, "%u values are not in the new hive as they should be",
                       left.count);
    }
    return err ? say_fail_advice(&f, "Report this; nothing was written.") : STATUS_OK;
}

static enum status put(struct tune *t, const char *path, const char *like, const uint8_t *bytes,
                       size_t size)
{
    struct edit_content content = {.front = bytes, .front_size = size, .size = size};
    return like ? edit_put_like(&t->edit, path, like, &content)
                : edit_put(&t->edit, path, &content, NULL);
}

/* The old hive, up to date, so that it needs no log. One that is there stays: it is from before the
 * first time. */
static enum status write_tuned(struct tune *t)
{
    enum status status = STATUS_OK;
    if (!t->saved.file.bytes)
        status = put(t, BACKUP, REGISTRY_SYSTEM, t->system.file.bytes, t->system.file.size);
    return status ? status : put(t, REGISTRY_SYSTEM, NULL, t->bytes, t->size);
}

static enum status write_back(struct tune *t)
{
    enum status status = put(t, REGISTRY_SYSTEM, NULL, t->bytes, t->size);
    return status ? status : edit_remove(&t->edit, BACKUP);
}

static enum status rehearse_and_write(struct tune *t, enum status (*write)(struct tune *t))
{
    bool simple = false;
    enum status status = edit_is_simple(&t->edit, REGISTRY_SYSTEM, &simple);
    if (!status && !simple)
        status = say_error("Defragment that file in Windows (contig).",
                           "%s: lies in too many pieces to be replaced at once", REGISTRY_SYSTEM);
    if (!status) {
        edit_rehearse(&t->edit);
        status = write(t);
        edit_end_rehearsal(&t->edit);
    }
    if (status || t->options->dry_run)
        return status;
    status = disk_will_write(&t->disk);
    return status ? status : write(t);
}

static enum status tune(struct tune *t)
{
    enum status status = check_hive(t);
    if (status)
        return status;
    if (t->wish.portable && !disk_has(volume(t), "\\Windows\\Boot\\PCAT\\bootnxt")) {
        struct hive_key key;
        if (!registry_key(&t->system, "HardwareConfig", &key))
            return say_error("Leave --portable out.", "%s: Windows 7 cannot be marked as portable",
                             t->disk.name);
    }
    tuning_plan(&t->tuning, &t->system, &t->wish);
    if (!t->tuning.count) {
        say("%s: everything was set already", t->disk.name);
        return STATUS_OK;
    }
    tuning_tell(&t->tuning);
    status = editing_apply(REGISTRY_SYSTEM, t->system.file.bytes, t->system.file.size, &t->tuning,
                           &t->bytes, &t->size);
    if (!status)
        status = prove(t);
    if (!status)
        status = rehearse_and_write(t, write_tuned);
    if (!status)
        say("%s: %u value%s %s; the hive as it was %s %s", t->disk.name, t->tuning.count,
            t->tuning.count == 1 ? "" : "s", t->options->dry_run ? "would be set" : "set",
            t->options->dry_run ? "would be" : "is", BACKUP);
    return status;
}

/* Of the two, the hive that was saved gets a number that no log beside it has: logs of what came
 * later must not be taken for its own. */
static void renumber(uint8_t *bytes, uint32_t sequence)
{
    struct hive_header *header = (struct hive_header *)bytes;
    uint32_t own = le32_get(header->sequence[0]);
    if (own >= sequence || own + 1 == sequence)
        return;
    header->sequence[0] = header->sequence[1] = le32_make(sequence + 1);
    header->checksum = le32_make(hive_header_sum(header));
}

/* Where nothing else has changed since, the hive that was saved is what there shall be, byte for
 * byte. */
static bool take_saved(struct tune *t)
{
    const struct registry_file *saved = &t->saved.file;
    const struct registry_file *now = &t->system.file;
    bool changed = t->tuning.count; /* else there is no new hive: nothing was left to undo */
    if (!editing_same(changed ? t->bytes : now->bytes, changed ? t->size : now->size, saved->bytes,
                      saved->size))
        return false;
    uint8_t *copy = malloc(saved->size);
    if (!copy)
        return false;
    memcpy(copy, saved->bytes, saved->size);
    renumber(copy, t->system.hive.sequence[0]);
    free(t->bytes);
    t->bytes = copy;
    t->size = saved->size;
    return true;
}

static enum status undo(struct tune *t)
{
    const struct registry_file *now = &t->system.file;
    if (!t->saved.file.bytes)
        return say_error("There is nothing to undo.", "%s: has no %s", t->disk.name, BACKUP);
    enum status status = check_hive(t);
    if (!status)
        status = registry_find_set(&t->saved, BACKUP);
    if (status)
        return status;
    undoing_plan(&t->tuning, &t->system, &t->saved);
    if (t->tuning.count)
        status =
            editing_apply(REGISTRY_SYSTEM, now->bytes, now->size, &t->tuning, &t->bytes, &t->size);
    if (!status && t->tuning.count)
        status = prove(t);
    if (status)
        return status;
    bool whole = take_saved(t);
    if (!whole)
        tuning_tell(&t->tuning);
    if (!t->bytes) { /* Windows has set all of it otherwise since: only the backup goes */
        t->size = now->size;
        t->bytes = malloc(now->size);
        if (!t->bytes)
            return say_no_memory();
        memcpy(t->bytes, now->bytes, now->size);
    }
    status = rehearse_and_write(t, write_back);
    const char *would = t->options->dry_run ? "would be" : "is";
    if (!status && whole)
        say("%s: %s %s as it was saved", t->disk.name, REGISTRY_SYSTEM, would);
    else if (!status)
        say("%s: %u value%s of %s %s as saved; what Windows has changed since stays", t->disk.name,
            t->tuning.count, t->tuning.count == 1 ? "" : "s", REGISTRY_SYSTEM,
            t->options->dry_run    ? "would be"
            : t->tuning.count == 1 ? "is"
                                   : "are");
    return status;
}

/* What an earlier run has saved. For undo it must be a whole hive; else a new one takes its place.
 */
static enum status open_saved(struct tune *t)
{
    struct fail f;
    struct registry_file *file = &t->saved.file;
    if (!disk_has(volume(t), BACKUP))
        return STATUS_OK;
    enum status status = disk_read(volume(t), BACKUP, HIVELOG_HIVE_MAX, &file->bytes, &file->size);
    if (status)
        return status;
    enum err err = hive_open(&t->saved.hive, (struct view){file->bytes, file->size}, &f);
    if (!err && (t->saved.hive.dirty || t->saved.hive.refused))
        err = fail(&f, ERR_HIVE, "the hive that was saved is not whole", 0);
    if (!err)
        return STATUS_OK;
    registry_close(&t->saved);
    (void)fail_subject(&f, BACKUP);
    return t->options->undo ? say_fail(&f) : STATUS_OK;
}

static enum status work(struct tune *t)
{
    enum status status = alone_check(&t->disk, t->options->partition);
    if (!status)
        status = disk_find_windows(&t->disk);
    if (!status && !t->disk.windows)
        status = disk_no_windows(&t->disk);
    if (status)
        return status;
    unsigned partition = t->disk.inside.part->number;
    status = edit_open_disk(&t->edit, t->disk.name, disk_device(&t->disk), partition);
    if (status)
        return status;
    status = registry_open(&t->system, volume(t), REGISTRY_SYSTEM);
    if (!status)
        status = registry_find_set(&t->system, REGISTRY_SYSTEM);
    if (!status)
        status = open_saved(t);
    if (!status)
        status = t->options->undo ? undo(t) : tune(t);
    edit_close(&t->edit);
    return status;
}

enum status verb_windows_tune(const struct options *options)
{
    static struct tune t;
    t = (struct tune){.options = options,
                      .wish = {.san_policy = options->san_policy, .portable = options->portable}};
    struct disk_where where = {.file = options->argument[0],
                               .entry = options->entry,
                               .partition = options->partition,
                               .write = !options->dry_run,
                               .name = options->name};
    if (options->undo && (options->san_policy || options->portable))
        return say_usage("--undo sets no values");
    enum status status = session_confirm(options);
    if (!status)
        status = disk_open(&t.disk, &where);
    if (status)
        return status;
    status = work(&t);
    registry_close(&t.system);
    registry_close(&t.saved);
    free(t.bytes);
    return disk_close(&t.disk, status);
}
