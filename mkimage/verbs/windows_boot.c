/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage windows boot: what is to be written is read and made first, whole, in memory; then it is
 * rehearsed, and then written, the store before the boot manager that reads it.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/options.h"
#include "cli/say.h"
#include "core/base/text.h"
#include "core/entry/config.h"
#include "core/entry/open.h"
#include "core/entry/windows.h"
#include "core/ntfs/format.h"
#include "core/ntfs/ntfs.h"
#include "flash/bootcode.h"
#include "flash/edit.h"
#include "flash/entry.h"
#include "verbs/verbs.h"
#include "windows/alone.h"
#include "windows/bootfiles.h"
#include "windows/bootstore.h"
#include "windows/disk.h"
#include "windows/leads.h"
#include "windows/parents.h"
#include "windows/storefile.h"
#include "windows/version.h"

#define STORE        WINDOWS_STORE_PATH
#define STORE_BACKUP "\\Boot\\BCD.vhdboot-backup"
#define STORE_FOLDER "\\Boot"

struct boot {
    const struct options *options;
    struct bootstore_entry entry[CONFIG_ENTRIES_MAX];
    bool had[CONFIG_ENTRIES_MAX]; /* the store has this entry already */
    unsigned entries;
    struct bootfiles files;
    unsigned missing; /* of the files */
    uint32_t build;   /* of the Windows that `files` are from */
    struct arena arena;
    struct storefile store;
    bool is_new;                /* the store */
    struct bcd_level partition; /* that the store lies on */
    /* Which each image lies on. */
    struct bcd_level of_image[CONFIG_ENTRIES_MAX];
    const char *path[CONFIG_ENTRIES_MAX]; /* with the name of its volume, as the menu has it */
    uint8_t *bytes;                       /* the store as it will be; NULL: no change */
    size_t size;
    bool has_backup;
};

/* --- What there is */

/* The newest boot manager is taken: it starts older systems, an old one no newer systems. */
static enum status take_files(struct boot *b, struct disk *d)
{
    uint32_t build = version_build(&d->inside);
    if (b->files.count && build <= b->build)
        return STATUS_OK;
    bootfiles_free(&b->files);
    b->build = build;
    return bootfiles_read(&b->files, &d->inside);
}

/* Can a boot store name the partition? `path`: only so is this file told from another. */
static enum status place_check(const struct target *t, const struct bcd_level *place,
                               const char *path)
{
    if (place->gpt || (place->mbr && place->signature))
        return STATUS_OK;
    if (path)
        return say_error("Give one of them another name.",
                         "%s: the store's volume has a file of the same path, and the disk has no "
                         "signature by which a boot store could tell them apart",
                         path);
    return say_error("Leave --exact out.",
                     "%s: has neither an MBR with a disk signature nor a GPT, by which a boot "
                     "store names a partition",
                     t->device.path);
}

/* Where the image lies, and its path there. */
static enum status find_image(struct boot *b, struct target *t, const struct config_entry *c)
{
    struct fail f;
    struct file file, first;
    unsigned volume, i = b->entries;
    struct bootstore_entry *e = &b->entry[i];
    const char *colon = strchr(c->vhd, ':');
    *e = (struct bootstore_entry){.title = c->title, .vhd = colon ? colon + 1 : c->vhd};
    if (volumes_find(&t->volumes, &f) || volumes_open(&t->volumes, c->vhd, &file, &volume, &f))
        return say_fail(&f);
    b->path[i] = c->vhd;
    windows_place(t->volumes.volume[volume].ntfs, &b->of_image[i]);
    /* The boot manager takes the first volume with such a path. */
    bool apart = volume && !ntfs_open(&t->volume, e->vhd, &first, &f);
    if (!b->options->exact && !apart)
        return STATUS_OK;
    e->partition = &b->of_image[i];
    return place_check(t, e->partition, apart ? c->vhd : NULL);
}

static enum status take_image(struct boot *b, struct target *t, const struct config_entry *c)
{
    struct disk d;
    struct disk_where where = {
        .file = b->options->argument[0], .entry = c->name, .partition = b->options->partition};
    enum status status = disk_open(&d, &where);
    if (status)
        return status;
    status = disk_find_windows(&d);
    if (!status && !d.windows)
        say("%s: %s, so it gets no entry", d.name,
            d.has_why && d.why.err == ERR_BITLOCKER ? "encrypted by BitLocker"
                                                    : "no Windows on it");
    if (!status && d.windows)
        status = take_files(b, &d);
    if (!status && d.windows)
        status = find_image(b, t, c);
    if (!status && d.windows)
        b->entry[b->entries++].modern = version_build(&d.inside) >= VERSION_WINDOWS_8;
    return disk_close(&d, status);
}

/* The menu's images. The config's strings stay as long as `t`. */
static enum status take_images(struct boot *b, struct target *t)
{
    struct entry e = {0};
    struct fail f;
    enum err err = entry_choose(&e, t, b->options->entry, &f);
    if (err) {
        (void)fail_subject(&f, t->device.path);
        return say_fail(&f);
    }
    enum status status = STATUS_OK;
    for (unsigned i = 0; !status && i < e.config.count; i++) {
        const struct config_entry *c = &e.config.entry[i];
        /* What comes from the store itself has its entry there. */
        bool wanted = b->options->entry ? c == e.chosen : *c->vhd && !c->where;
        if (wanted)
            status = take_image(b, t, c);
    }
    if (!status && !b->entries)
        status = say_error("Put an image with a Windows on it first.",
                           "%s: no image of its menu holds a Windows", t->device.path);
    return status;
}

/* --- The store */

static enum status store_open(struct boot *b, struct target *t)
{
    struct fail f;
    struct file file;
    b->is_new = ntfs_open(&t->volume, STORE, &file, &f) == ERR_NOT_FOUND;
    if (b->is_new)
        return bootstore_new(&b->store.tree, &b->arena, b->options->exact ? &b->partition : NULL,
                             b->files.modern);
    b->has_backup = disk_has(t, STORE_BACKUP);
    enum status status = storefile_open(&b->store, t, &b->arena);
    const struct registry_file *r = &b->store.file;
    if (!status && r->stale)
        return say_error("Start that Windows and shut it down, or remove the file.",
                         "%s:%s: is not up to date, and %s", t->device.path, STORE, r->stale);
    if (!status && r->was_dirty)
        say("%s:%s: takes up %u change%s that waited in its logs", t->device.path, STORE,
            r->entries, r->entries == 1 ? "" : "s");
    return status;
}

/* The store's entry for the image, if it has one that the boot manager can follow. */
static enum status known_entry(struct boot *b, struct target *t, unsigned i)
{
    struct fail f;
    struct file file;
    unsigned volume;
    char id[STORE_ID_SIZE];
    bool elsewhere;
    if (volumes_find(&t->volumes, &f) || volumes_open(&t->volumes, b->path[i], &file, &volume, &f))
        return say_fail(&f);
    struct ntfs_identity image = ntfs_identify(&file);
    if (leads_find(&b->store.tree, t, &image, id, &elsewhere) && !elsewhere)
        snprintf(b->entry[i].id, sizeof b->entry[i].id, "%s", id);
    return STATUS_OK;
}

static enum status store_add(struct boot *b, struct target *t)
{
    bool any = b->is_new || b->store.file.was_dirty, settled;
    for (unsigned i = 0; i < b->entries; i++) {
        struct bootstore_entry *e = &b->entry[i];
        enum status status = e->vhd ? known_entry(b, t, i) : STATUS_OK;
        if (!status)
            status = bootstore_add(&b->store.tree, e, &b->had[i]);
        if (status)
            return status;
        any |= !b->had[i];
    }
    enum status status = bootstore_settle(&b->store.tree, &settled);
    if (status || !(any || settled))
        return status;
    return tree_write(&b->store.tree, STORE, &b->bytes, &b->size);
}

/* What was made is read once more before it is trusted. */
static enum status store_prove(const struct boot *b)
{
    struct hive hive;
    struct fail f;
    if (!b->bytes)
        return STATUS_OK;
    enum err err = hive_open(&hive, (struct view){b->bytes, b->size}, &f);
    if (!err && hive.refused)
        err = fail(&f, ERR_HIVE, hive.refused, 0);
    return err ? say_fail_advice(&f, "Report this: the new boot store is no good.") : STATUS_OK;
}

/* --- Writing */

static enum status put(struct edit *e, const char *path, const uint8_t *data, size_t size)
{
    struct edit_content content = {.front = data, .front_size = size, .size = size};
    return edit_put(e, path, &content, NULL);
}

static enum status write_all(struct boot *b, struct edit *e)
{
    enum status status = edit_make_folders(e, STORE);
    if (!status && b->is_new) /* before the store: once that is there, the folder may be as it is */
        status = edit_attributes(e, STORE_FOLDER, NTFS_FILE_HIDDEN | NTFS_FILE_SYSTEM);
    if (!status && b->bytes && !b->is_new && !b->has_backup)
        status = put(e, STORE_BACKUP, b->store.file.bytes, b->store.file.size);
    if (!status && b->bytes)
        status = put(e, STORE, b->bytes, b->size);
    return status ? status : bootfiles_put(&b->files, e);
}

static void tell(const struct boot *b, const char *name)
{
    for (unsigned i = 0; i < b->entries; i++) {
        const struct bootstore_entry *e = &b->entry[i];
        say("%s:%s: %s%s%s: %s %s", name, STORE, e->title, e->vhd ? ", " : "", e->vhd ? e->vhd : "",
            b->had[i]             ? "has the entry"
            : b->options->dry_run ? "would get the entry"
                                  : "gets the entry",
            e->id);
    }
    unsigned count = b->missing;
    uint64_t bytes = 0;
    for (unsigned i = 0; i < b->files.count; i++)
        bytes += b->files.file[i].there ? 0 : b->files.file[i].size;
    const char *would = b->options->dry_run ? "would be copied" : "copied";
    if (count)
        say("%s: %u file%s of the boot manager %s, %llu bytes", name, count, count == 1 ? "" : "s",
            would, (unsigned long long)bytes);
    if (!count && !b->bytes)
        say("%s: everything was there already", name);
}

/* The boot manager of a later Windows stays: it starts all that ours would. */
static void keep_newer(struct boot *b, struct target *t)
{
    if (!b->files.modern && disk_has(t, "\\BOOTNXT") && disk_has(t, "\\bootmgr")) {
        say("%s: the boot manager there is of a later Windows, and stays", t->device.path);
        bootfiles_free(&b->files);
    }
    b->missing = bootfiles_compare(&b->files, t);
}

/* `d`: the image that `e` works in; NULL: a stick. */
static enum status make(struct boot *b, struct edit *e, const struct disk *d)
{
    struct target *t = &e->session.target;
    enum status status = store_open(b, t);
    if (!status)
        status = store_add(b, t);
    if (!status)
        status = store_prove(b);
    if (!status && !b->options->inside)
        status = parents_warn(&b->store.tree, t);
    if (status)
        return status;
    keep_newer(b, t);
    edit_rehearse(e);
    status = write_all(b, e);
    edit_end_rehearsal(e);
    bool real = !b->options->dry_run;
    bool changes = b->missing || b->bytes;
    if (!status && real && d && changes)
        status = disk_will_write(d);
    if (!status && real)
        status = write_all(b, e);
    if (!status)
        tell(b, e->path);
    return status;
}

/* --- Both forms of the verb */

static enum status boot_on_target(struct boot *b)
{
    struct target t;
    struct edit e;
    const struct options *o = b->options;
    enum status status = target_open(&t, o->argument[0], o->partition);
    if (status)
        return status;
    windows_place(&t.volume, &b->partition);
    status = o->exact ? place_check(&t, &b->partition, NULL) : STATUS_OK;
    if (!status)
        status = take_images(b, &t);
    if (!status) {
        status = edit_open(&e, o);
        if (!status) {
            status = make(b, &e, NULL);
            edit_close(&e);
        }
    }
    target_close(&t);
    return status;
}

/* Windows and the store lie on the same volume as a rule; else Windows' partition is named. */
static enum status take_inside(struct boot *b, struct disk *d, struct edit *e)
{
    const struct target *store = &e->session.target;
    bool apart = store->part->start_lba != d->inside.part->start_lba;
    bool named = b->options->exact || apart;
    windows_place(&store->volume, &b->partition);
    windows_place(&d->inside.volume, &b->of_image[0]);
    enum status status = named ? place_check(store, &b->of_image[0], NULL) : STATUS_OK;
    if (!status)
        status = take_files(b, d);
    b->entry[b->entries++] =
        (struct bootstore_entry){.title = "Windows",
                                 .modern = version_build(&d->inside) >= VERSION_WINDOWS_8,
                                 .partition = named ? &b->of_image[0] : NULL};
    return status;
}

/* Does the partition's boot record start \bootmgr, or vhdboot, which lists it? */
static void warn_of_boot_record(struct edit *e)
{
    static const char name[] = "B\0O\0O\0T\0M\0G\0R"; /* as Windows' own has it */
    struct boot_record vbr;
    uint64_t start = e->session.target.part->start_lba << SECTOR_SHIFT;
    if (!device_pread(&e->session.device, &vbr, sizeof vbr, start) || bootcode_vbr_is_ours(&vbr) ||
        memmem(&vbr, sizeof vbr, name, sizeof name))
        return;
    say_warning("%s: its partition's boot record does not start \\bootmgr; mkimage install, or "
                "bootsect in Windows, puts one there",
                e->path);
}

static enum status boot_inside(struct boot *b)
{
    struct disk d;
    struct edit e;
    const struct options *o = b->options;
    struct disk_where where = {.file = o->argument[0],
                               .entry = o->entry,
                               .partition = o->partition,
                               .write = !o->dry_run,
                               .name = o->name};
    enum status status = session_confirm(o);
    if (!status)
        status = disk_open(&d, &where);
    if (status)
        return status;
    status = alone_check(&d, o->partition);
    if (!status)
        status = disk_find_windows(&d);
    if (!status && !d.windows)
        status = disk_no_windows(&d);
    if (!status) {
        status = edit_open_disk(&e, d.name, disk_device(&d), 0);
        if (!status) {
            status = take_inside(b, &d, &e);
            if (!status)
                status = make(b, &e, &d);
            if (!status)
                warn_of_boot_record(&e);
            edit_close(&e);
        }
    }
    return disk_close(&d, status);
}

enum status verb_windows_boot(const struct options *options)
{
    static struct boot b;
    b = (struct boot){.options = options};
    if (options->exact && options->locate)
        return say_usage("--exact and --locate: one of them");
    enum status status = arena_open(&b.arena);
    if (!status)
        status = options->inside ? boot_inside(&b) : boot_on_target(&b);
    bootfiles_free(&b.files);
    storefile_close(&b.store);
    free(b.bytes);
    arena_close(&b.arena);
    return status;
}
