/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An entry of the menu is made out of the table, and core opens it as if it stood in a config. */
#include "guest/disk.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "core/base/text.h"
#include "core/ntfs/ntfs.h"
#include "core/vhdx/layout.h"
#include "flash/target.h"
#include "guest/hidden.h"
#include "host/lock.h"
#include "serve/vhdx_log.h"

#define CACHE_LINE_SHIFT 3
#define CACHE_LINES      16

/* --- The drives */

static bool same_volume(const struct boottable_volume *a, const struct boottable_volume *b)
{
    return a->serial == b->serial && a->start_lba == b->start_lba &&
           a->mbr_signature == b->mbr_signature && a->map_drive == b->map_drive;
}

/* The drive of file `i`, which may be another file's too. */
static enum err stick_for(struct disk *d, unsigned i, const char *only, struct fail *f)
{
    const struct boottable_file *file = d->table->file;
    for (unsigned k = 0; k < i; k++) {
        if (same_volume(&file[k].volume, &file[i].volume)) {
            d->stick_of[i] = d->stick_of[k];
            return ERR_OK;
        }
    }
    if (d->sticks == MAP_DRIVES_MAX)
        return fail(f, ERR_LIMIT, "the disk lies on more than %u volumes", MAP_DRIVES_MAX);
    struct stick *s = &d->stick[d->sticks];
    enum err err = stick_find(s, &file[i].volume, only, f);
    if (err)
        return err;
    s->device.path = s->path;
    device_blk(&s->blk, &s->device);
    d->stick_of[i] = d->sticks++;
    return ERR_OK;
}

bool disk_in_memory(const struct disk *d)
{
    return d->above && d->table->ram;
}

/* Changes that are not kept, and contents that were read, are in memory. */
static bool is_in_memory(const struct boottable *t)
{
    return t->map.cells && (t->ram || (t->write == WRITE_DISCARD && !t->write_protected));
}

enum err disk_find(struct disk *d, const struct boottable *table, const char *memory,
                   const char *only, struct fail *f)
{
    *d = (struct disk){.table = table};
    if (memory && is_in_memory(table)) {
        d->above = hidden_open(table, memory, f);
        if (!d->above)
            return f->err;
    }
    for (unsigned i = 0; !disk_in_memory(d) && i < table->file_count; i++) {
        enum err err = stick_for(d, i, only, f);
        if (err) {
            disk_close(d);
            return err;
        }
    }
    return ERR_OK;
}

enum err disk_lock(const struct disk *d, struct fail *f)
{
    const struct stick *leaf = &d->stick[0];
    const char *wrong = d->writable ? lock_try(leaf->writer, LOCK_WRITER) : NULL;
    if (!wrong)
        return ERR_OK;
    (void)fail(f, ERR_WRITE, wrong, 0);
    return fail_subject(f, leaf->path);
}

/* --- The image */

static enum err mount(struct disk *d, unsigned i, struct fail *f)
{
    struct stick *s = &d->stick[i];
    struct ntfs *ntfs = arena_alloc(&d->arena, sizeof *ntfs);
    if (!ntfs)
        return fail(f, ERR_MEMORY, "no memory for a volume", 0);
    enum err err =
        blk_cache_init(&d->cache[i], &s->blk, CACHE_LINE_SHIFT, CACHE_LINES, &d->arena, f);
    if (!err)
        err = ntfs_mount(ntfs, &d->cache[i].blk, s->start_lba, UINT64_MAX, &d->arena, f);
    if (err)
        return fail_subject(f, s->path);
    d->volumes.volume[i].ntfs = ntfs;
    d->volumes.volume[i].drive_index = (uint8_t)i;
    d->volumes.count = i + 1;
    return ERR_OK;
}

/* A path as a config writes it; the leaf's volume needs no name. */
static const char *path_of(struct disk *d, unsigned i, struct fail *f)
{
    const char *path = d->table->file[i].path;
    if (!d->stick_of[i])
        return path;
    size_t size = strlen(path) + 18;
    char *whole = arena_alloc(&d->arena, size);
    if (whole)
        snprintf(whole, size, "%016" PRIX64 ":%s", d->volumes.volume[d->stick_of[i]].ntfs->serial,
                 path);
    else
        (void)fail(f, ERR_MEMORY, "no memory for a path", 0);
    return whole;
}

static bool wants_writes(const struct disk *d)
{
    return d->table->write == WRITE_PERSISTENT && !d->table->ram;
}

static enum err entry_make(struct disk *d, struct fail *f)
{
    const struct boottable *t = d->table;
    d->entry = (struct config_entry){.name = t->entry,
                                     .title = t->entry,
                                     .vhd = path_of(d, 0, f),
                                     .write = wants_writes(d) ? WRITE_PERSISTENT : WRITE_NONE,
                                     .force = t->force};
    for (unsigned i = 1; i < t->file_count && d->entry.parent_count < CONFIG_PARENTS_MAX; i++) {
        if (!t->file[i].named)
            continue;
        const char *path = path_of(d, i, f);
        if (!path)
            return ERR_MEMORY;
        d->entry.parent[d->entry.parent_count++] = path;
    }
    return ERR_OK;
}

/* A VHDX whose log the loader could only lay over it can be written once that is done for good. */
static bool log_can_be_replayed(const struct disk *d)
{
    const struct chain_link *leaf = d->boot.chain.link[0];
    struct vhdx_layout at = {0};
    struct fail ignored;
    if (leaf->image.format == IMAGE_VHDX)
        vhdx_layout(&leaf->image, &at);
    return at.log_in_use && !ntfs_writable(d->volumes.volume[0].ntfs, &ignored) &&
           !file_writable_in_place(&leaf->file, &leaf->extents, &ignored);
}

static enum err open_once(struct disk *d, struct fail *f)
{
    if (arena_open(&d->arena))
        return fail(f, ERR_MEMORY, "out of memory", 0);
    d->volumes = (struct volumes){.found = true};
    enum err err = ERR_OK;
    for (unsigned i = 0; !err && i < d->sticks; i++)
        err = mount(d, i, f);
    if (!err)
        err = entry_make(d, f);
    if (!err)
        err = boot_open(&d->boot, &d->entry, &d->volumes, 0, &d->arena, f);
    if (err)
        return err;
    struct chain_link *leaf = d->boot.chain.link[0];
    if (d->table->disk_sectors && leaf->image.sectors != d->table->disk_sectors) {
        (void)fail_two(f, ERR_IMAGE,
                       "is not what was started: it has %u sectors, where that had %U",
                       leaf->image.sectors, d->table->disk_sectors);
        return fail_subject(f, leaf->file.path);
    }
    d->writable = wants_writes(d) && !d->boot.write_protected && d->stick[0].writer >= 0;
    return d->writable && leaf->image.check ? leaf->image.check(&leaf->image, &d->arena, f)
                                            : ERR_OK;
}

static struct store *store_for(struct disk *d, unsigned link, bool write)
{
    struct chain_link *l = d->boot.chain.link[link];
    const struct stick *s = &d->stick[l->drive_index];
    int fd = write || s->writer >= 0 ? s->writer : s->device.fd;
    return store_volume(fd, l->file.size, &l->extents);
}

static enum err replay(struct disk *d, struct fail *f)
{
    struct store *store = store_for(d, 0, true);
    if (!store)
        return fail(f, ERR_MEMORY, "out of memory", 0);
    enum err err = vhdx_log_replay(&d->boot.chain.link[0]->image, store, f) ? f->err : ERR_OK;
    store_close(store);
    return err;
}

enum err disk_open(struct disk *d, struct fail *f)
{
    if (disk_in_memory(d))
        return ERR_OK;
    enum err err = open_once(d, f);
    if (!err && wants_writes(d) && d->stick[0].writer >= 0 && log_can_be_replayed(d)) {
        err = replay(d, f);
        disk_shut(d);
        if (!err)
            err = open_once(d, f);
    }
    if (err)
        disk_shut(d);
    return err;
}

/* The changes go with the process that serves them. */
static struct serve *serve_with(struct disk *d, struct serve *s)
{
    if (s && d->above)
        serve_put_above(s, d->above);
    if (s)
        serve_write_through(s);
    return s;
}

struct serve *disk_serve(struct disk *d, struct fail *f)
{
    if (disk_in_memory(d))
        return serve_above_only(d->above, d->table->disk_sectors, f);
    struct chain *chain = &d->boot.chain;
    struct store *store[CHAIN_MAX] = {0};
    bool discard = d->table->write == WRITE_DISCARD && !d->above;
    enum write_mode write = d->writable ? WRITE_PERSISTENT : discard ? WRITE_DISCARD : WRITE_NONE;
    for (unsigned i = 0; i < chain->count; i++) {
        store[i] = store_for(d, i, !i && d->writable);
        if (!store[i]) {
            while (i)
                store_close(store[--i]);
            (void)fail(f, ERR_MEMORY, "out of memory", 0);
            return NULL;
        }
    }
    return serve_with(d, serve_start(chain, store, write, f));
}

void disk_shut(struct disk *d)
{
    if (d->arena.base)
        arena_close(&d->arena);
}

void disk_close(struct disk *d)
{
    disk_shut(d);
    for (unsigned i = 0; i < d->sticks; i++)
        stick_close(&d->stick[i]);
    d->sticks = 0;
    if (d->above)
        d->above->close(d->above);
    d->above = NULL;
}
