/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens by the loader's own rules, on the host or on a volume. Writes nothing but a log's replay.
 */
#include "serve/opened.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/image.h"
#include "core/entry/open.h"
#include "core/vhdx/layout.h"
#include "flash/dependents.h"
#include "flash/entry.h"
#include "flash/source.h"
#include "flash/target.h"
#include "host/fd.h"
#include "host/files.h"
#include "host/lock.h"
#include "serve/relatives.h"
#include "serve/vhdx_log.h"

struct opened {
    enum write_mode write;
    bool direct, direct_if_able, hasten;
    bool on_volume;
    char *path;    /* of the leaf, in its own world */
    char *disk_of; /* TARGET, where FILE was TARGET:/path */

    /* on the host */
    struct arena arena;
    struct hostfiles host;
    struct chain chain;
    int leaf; /* locked before its first byte is read; -1: not open */

    /* on a volume */
    struct target target;
    struct device writer; /* the drive, where it is written */
    struct entry entry;

    struct store *store[CHAIN_MAX];
    int locked[CHAIN_MAX]; /* descriptors of what is locked */
    unsigned locks;
};

const char opened_said[] = "cannot be opened";

struct chain *opened_chain(struct opened *o)
{
    return o->on_volume ? &o->entry.disk.chain : &o->chain;
}

struct store *const *opened_stores(struct opened *o)
{
    return o->store;
}

static void world_close(struct opened *o)
{
    while (o->locks)
        lock_release(o->locked[--o->locks]);
    if (o->on_volume) {
        if (o->writer.fd >= 0)
            lock_release(o->writer.fd);
        device_close(&o->writer);
        target_close(&o->target);
    } else {
        hostfiles_close(&o->host);
        arena_close(&o->arena);
        if (o->leaf >= 0)
            close(o->leaf);
        o->leaf = -1;
    }
}

void opened_close(struct opened *o)
{
    if (!o)
        return;
    world_close(o);
    free(o->path);
    free(o->disk_of);
    free(o);
}

static void stores_close(struct opened *o)
{
    for (unsigned i = 0; i < CHAIN_MAX; i++) {
        store_close(o->store[i]);
        o->store[i] = NULL;
    }
}

static enum err lock_file(struct opened *o, int fd, bool write, const char *path, struct fail *f)
{
    const char *wrong = lock_try(fd, write ? LOCK_WRITER : LOCK_READER);
    if (wrong) {
        (void)fail(f, ERR_WRITE, wrong, 0);
        return fail_subject(f, path);
    }
    o->locked[o->locks++] = fd;
    return ERR_OK;
}

/* Core counts in sectors of 512 bytes. */
static enum err sectors_judge(struct opened *o, struct fail *f)
{
    const struct chain *chain = opened_chain(o);
    for (unsigned i = 0; i < chain->count; i++) {
        struct vhdx_layout at = {0};
        if (chain->link[i]->image.format == IMAGE_VHDX)
            vhdx_layout(&chain->link[i]->image, &at);
        if (!at.sectors_4k)
            continue;
        (void)fail(f, ERR_UNSUPPORTED, "the disk has sectors of %u bytes: only 512 are served",
                   4096);
        return fail_subject(f, chain->link[i]->path);
    }
    return ERR_OK;
}

/* What forbids writing in the image itself. */
static enum err leaf_judge(struct opened *o, struct arena *a, struct fail *f)
{
    struct image *leaf = &opened_chain(o)->link[0]->image;
    if (leaf->read_only) {
        (void)fail(f, ERR_UNSUPPORTED,
                   "the image should not be written: mkimage vhd check says why", 0);
        return fail_subject(f, leaf->file->path);
    }
    return leaf->check ? leaf->check(leaf, a, f) : ERR_OK;
}

static enum err store_judge(const struct opened *o, struct store *store, const char *path,
                            struct fail *f)
{
    if (!store)
        return fail(f, ERR_MEMORY, "out of memory", 0);
    if (!(o->direct || o->direct_if_able) || !store_direct(store) || !o->direct)
        return ERR_OK;
    (void)fail(f, ERR_UNSUPPORTED, "lies where single sectors cannot go past the page cache", 0);
    return fail_subject(f, path);
}

/* --- Files of the host */

static enum err replaced(const char *path, struct fail *f)
{
    (void)fail(f, ERR_WRITE, "was replaced or changed just now: try again", 0);
    return fail_subject(f, path);
}

/* Locks the leaf first, so that nobody is still writing what is read of it. */
static enum err leaf_lock(struct opened *o, struct fail *f)
{
    o->leaf = open(o->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (o->leaf < 0)
        return ERR_OK; /* core says why, or knows another spelling, which is locked later */
    enum err err = lock_file(o, o->leaf, o->write == WRITE_PERSISTENT, o->path, f);
    return !err && !fd_leads(o->leaf, o->path) ? replaced(o->path, f) : err;
}

/* The store has a descriptor of its own, and the name may lead to another file by now. */
static enum err host_store(struct opened *o, unsigned i, struct fail *f)
{
    const struct hostfile *host = o->chain.link[i]->file.ctx;
    bool write = !i && o->write == WRITE_PERSISTENT;
    struct stat st;
    if (i || o->leaf < 0) {
        enum err err = lock_file(o, host->fd, write, host->path, f);
        if (err)
            return err;
    }
    int fd = open(host->path, (write ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        (void)fail(f, ERR_WRITE,
                   write ? "the file cannot be opened for writing" : "the file went away", 0);
        return fail_subject(f, host->path);
    }
    bool same = fd_leads(host->fd, host->path) && fd_leads(fd, host->path) &&
                (i || o->leaf < 0 || fd_leads(o->leaf, host->path)) && !fstat(fd, &st) &&
                (uint64_t)st.st_size == host->size;
    o->store[i] = same ? store_host(fd, host->size) : NULL;
    if (!o->store[i])
        close(fd);
    else if (o->hasten)
        store_hasten(o->store[i]);
    return same ? store_judge(o, o->store[i], host->path, f) : replaced(host->path, f);
}

static enum err host_world(struct opened *o, struct fail *f)
{
    hostfiles_init(&o->host);
    if (arena_open(&o->arena))
        return fail(f, ERR_MEMORY, "out of memory", 0);
    enum err err = leaf_lock(o, f);
    if (!err)
        err = chain_open(&o->chain, &o->host.files, o->path, &o->arena, f);
    for (unsigned i = 0; !err && i < o->chain.count; i++)
        err = host_store(o, i, f);
    return err;
}

/* --- An NTFS volume */

static const struct device *drive_of(const struct opened *o, const struct chain_link *link)
{
    return link->drive_index ? &o->target.further[link->drive_index - 1] : &o->target.device;
}

/* A descriptor of the store's own; past the page cache it must not be the one that core reads by.
 */
static int store_fd(const struct opened *o, const struct device *drive, bool write)
{
    char name[40];
    snprintf(name, sizeof name, "/proc/self/fd/%d", drive->fd);
    if (o->direct || o->direct_if_able)
        return open(name, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    return fcntl(drive->fd, F_DUPFD_CLOEXEC, 0);
}

static enum err target_store(struct opened *o, unsigned i, bool write, struct fail *f)
{
    const struct chain_link *link = o->entry.disk.chain.link[i];
    const struct device *drive = drive_of(o, link);
    int fd = store_fd(o, write && !i ? &o->writer : drive, write && !i);
    o->store[i] = fd < 0 ? NULL : store_volume(fd, link->file.size, &link->extents);
    if (fd >= 0 && !o->store[i])
        close(fd);
    enum err err = store_judge(o, o->store[i], drive->path, f);
    /* What is written has its lock from device_open. */
    bool held = write && drive == drive_of(o, o->entry.disk.chain.link[0]);
    return err || held || drive->is_block ? err : lock_file(o, drive->fd, false, drive->path, f);
}

static enum err target_stores(struct opened *o, struct fail *f)
{
    const struct chain *chain = &o->entry.disk.chain;
    bool write = o->write == WRITE_PERSISTENT;
    const char *path = drive_of(o, chain->link[0])->path;
    if (write && device_open(&o->writer, path, DEVICE_WRITE)) {
        (void)fail(f, ERR_WRITE, opened_said, 0);
        return fail_subject(f, path);
    }
    enum err err = ERR_OK;
    for (unsigned i = 0; !err && i < chain->count; i++)
        err = target_store(o, i, write, f);
    return err;
}

/* Would the loader write to the image? Its last note says why not. */
static enum err target_judge(struct opened *o, struct fail *f)
{
    const struct boot_disk *disk = &o->entry.disk;
    const struct chain_link *leaf = disk->chain.link[0];
    if (o->write != WRITE_PERSISTENT || !disk->write_protected)
        return ERR_OK;
    struct vhdx_layout at = {0};
    if (leaf->image.format == IMAGE_VHDX)
        vhdx_layout(&leaf->image, &at);
    if (at.log_in_use && !ntfs_writable(&o->target.volume, f) &&
        !file_writable_in_place(&leaf->file, &leaf->extents, f))
        return ERR_OK; /* its log will be replayed */
    unsigned last = disk->notes.count ? disk->notes.count - 1 : 0;
    if (disk->notes.count)
        (void)fail(f, ERR_UNSUPPORTED, disk->notes.note[last].sentence,
                   disk->notes.note[last].value);
    else
        (void)fail(f, ERR_UNSUPPORTED, "the disk is write-protected", 0);
    return fail_subject(f, leaf->file.path);
}

static enum err target_world(struct opened *o, const struct serve_options *options, struct fail *f)
{
    const char *path = o->disk_of ? o->disk_of : options->target;
    if (target_open(&o->target, path, options->partition) ||
        target_further(&o->target, options->drive, options->drives)) {
        (void)fail(f, ERR_READ, opened_said, 0);
        return fail_subject(f, path);
    }
    struct config_entry chosen = {.name = o->path, .title = o->path, .vhd = o->path};
    if (!o->path) {
        enum err err = entry_choose(&o->entry, &o->target, options->entry, f);
        if (err)
            return fail_subject(f, path);
        chosen = *o->entry.chosen;
        if (options->write_of_entry)
            o->write = chosen.write == WRITE_PERSISTENT && !entry_keeps_writes(&chosen)
                           ? WRITE_DISCARD /* ram = yes */
                           : chosen.write;
    }
    chosen.ram = false;
    chosen.write = o->write == WRITE_PERSISTENT ? WRITE_PERSISTENT : WRITE_NONE;
    enum err err = boot_open(&o->entry.disk, &chosen, &o->target.volumes, 0, &o->target.arena, f);
    if (!err)
        err = target_judge(o, f);
    return err ? fail_subject(f, path) : target_stores(o, f);
}

/* --- Both */

/* Takes the options apart: which world, and which path in it. */
static enum err options_take(struct opened *o, const struct serve_options *options, struct fail *f)
{
    const char *path = options->file;
    o->write = options->write;
    o->direct = options->direct;
    o->direct_if_able = options->direct_if_able;
    o->hasten = options->hasten;
    o->on_volume = options->target;
    if (!path && !options->target)
        return fail(f, ERR_CONFIG, "neither a file nor a target is named", 0);
    if (!o->on_volume && source_on_target(options->file, &o->disk_of, &path))
        o->on_volume = true;
    if (!path)
        return ERR_OK;
    if (!o->on_volume)
        o->path = realpath(path, NULL);
    if (!o->path)
        o->path = strdup(path); /* opening it says what is wrong */
    return o->path ? ERR_OK : fail(f, ERR_MEMORY, "out of memory", 0);
}

/* So that closing knows. */
static void nothing_open(struct opened *o)
{
    o->target = (struct target){.device.fd = -1};
    for (unsigned i = 0; i < TARGET_FURTHER_MAX; i++)
        o->target.further[i].fd = -1;
    o->writer.fd = -1;
    o->leaf = -1;
    o->arena = (struct arena){0};
}

static enum err world_open(struct opened *o, const struct serve_options *options, struct fail *f)
{
    nothing_open(o);
    return o->on_volume ? target_world(o, options, f) : host_world(o, f);
}

/* Replays the log of a VHDX that was not closed, into the file; *again: open all once more. */
static enum err replay(struct opened *o, bool *again, struct fail *f)
{
    const struct chain *chain = opened_chain(o);
    struct vhdx_layout at = {0};
    if (chain->link[0]->image.format == IMAGE_VHDX)
        vhdx_layout(&chain->link[0]->image, &at);
    *again = at.log_in_use && o->write == WRITE_PERSISTENT;
    if (!*again)
        return ERR_OK;
    return vhdx_log_replay(&chain->link[0]->image, o->store[0], f) ? f->err : ERR_OK;
}

#define ALONE_ADVICE                                                                               \
    "Attach that one; or this one without changes, or with changes that are not kept."

static enum status alone_on_volume(struct opened *o, const struct chain_link *leaf)
{
    struct dependents all;
    struct ntfs_identity own = ntfs_identify(&leaf->file);
    enum status status = dependents_list(&all, &o->target);
    if (status)
        return status;
    const struct dependent *child = dependents_of(&all, &leaf->image, &own, NULL);
    if (child)
        status = say_error(ALONE_ADVICE, "%s: is a child of %s", child->path, leaf->file.path);
    dependents_free(&all);
    return status;
}

/* Do other images stand on what is to be written? */
static enum err alone_judge(struct opened *o, struct fail *f)
{
    struct chain_link *leaf = opened_chain(o)->link[0];
    enum status status =
        o->on_volume ? alone_on_volume(o, leaf)
                     : relatives_refuse(o->path, &leaf->image, NULL, NULL, ALONE_ADVICE, &o->arena);
    if (!status)
        return ERR_OK;
    (void)fail(f, ERR_WRITE, opened_said, 0);
    return fail_subject(f, leaf->file.path);
}

struct opened *opened_open(const struct serve_options *options, struct fail *f)
{
    struct opened *o = calloc(1, sizeof *o);
    if (!o) {
        (void)fail(f, ERR_MEMORY, "out of memory", 0);
        return NULL;
    }
    enum err err = options_take(o, options, f);
    nothing_open(o);
    bool again = false;
    if (!err)
        err = world_open(o, options, f);
    if (!err)
        err = sectors_judge(o, f);
    if (!err)
        err = replay(o, &again, f);
    if (!err && again) {
        stores_close(o);
        world_close(o);
        err = world_open(o, options, f);
    }
    if (!err && o->write == WRITE_PERSISTENT)
        err = leaf_judge(o, o->on_volume ? &o->target.arena : &o->arena, f);
    if (!err && o->write == WRITE_PERSISTENT && options->alone)
        err = alone_judge(o, f);
    if (!err)
        return o;
    stores_close(o);
    opened_close(o);
    return NULL;
}

struct device *opened_drive(struct opened *o)
{
    return o->on_volume && o->writer.fd >= 0 ? &o->writer : NULL;
}

enum write_mode opened_write(const struct opened *o)
{
    return o->write;
}
