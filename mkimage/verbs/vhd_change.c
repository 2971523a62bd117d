/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage vhd resize, compact, rebase, merge: each makes a new file beside the image and gives it
 * the image's name when it is whole. The new one has the old one's id, so that children find it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/bytes.h"
#include "core/base/bounds.h"
#include "core/vhdx/layout.h"
#include "core/vhdx/vhdx.h"
#include "flash/target.h"
#include "host/fd.h"
#include "host/files.h"
#include "host/lock.h"
#include "image/newdisk.h"
#include "serve/behind.h"
#include "serve/fresh.h"
#include "serve/layer.h"
#include "serve/mounted.h"
#include "serve/mounted_sum.h"
#include "serve/relatives.h"
#include "serve/serve.h"
#include "serve/content.h"
#include "serve/vhdx_log.h"
#include "serve/unused.h"
#include "verbs/verbs.h"

/* The image that is changed, and the one that is made. */
struct change {
    char *path; /* whole */
    int lock;   /* keeps others away */
    struct hostfiles host;
    struct arena arena;
    struct chain chain;
    struct fresh fresh;
    struct serve *to;
};

static struct chain_link *leaf(struct change *c)
{
    return c->chain.link[0];
}

static enum status lock_open(struct change *c, const char *path)
{
    c->lock = open(path, O_RDWR | O_CLOEXEC);
    if (c->lock < 0)
        return say_error("Choose one that may be written.", "%s: %s", path, strerror(errno));
    return lock_hold(c->lock, path, LOCK_WRITER);
}

/* The image and its parents. */
static enum err links_open(struct change *c, struct fail *f)
{
    struct vhdx_layout at = {0};
    enum err err = chain_open(&c->chain, &c->host.files, c->path, &c->arena, f);
    if (!err && leaf(c)->image.format == IMAGE_VHDX)
        vhdx_layout(&leaf(c)->image, &at);
    if (!at.log_in_use)
        return err;
    /* Its program was killed: what it had flushed may stand in the log only. */
    int fd = fcntl(c->lock, F_DUPFD_CLOEXEC, 0);
    struct store *store = fd >= 0 ? store_host(fd, leaf(c)->file.size) : NULL;
    err = !store                                       ? fail(f, ERR_MEMORY, "out of memory", 0)
          : vhdx_log_replay(&leaf(c)->image, store, f) ? f->err
                                                       : ERR_OK;
    store_close(store);
    hostfiles_close(&c->host);
    return err ? err : chain_open(&c->chain, &c->host.files, c->path, &c->arena, f);
}

/* `parent` helps to find one that the image does not lead to; NULL: none. */
static enum status change_open(struct change *c, const char *name, const char *parent)
{
    *c = (struct change){.lock = -1, .path = realpath(name, NULL)};
    hostfiles_init(&c->host);
    if (!c->path)
        return say_error("Check the name.", "%s: %s", name, strerror(errno));
    enum status status = lock_open(c, c->path);
    if (!status)
        status = arena_open(&c->arena);
    if (status)
        return status;
    struct fail f;
    c->host.files.parent = &parent;
    c->host.files.parent_count = parent ? 1 : 0;
    if (links_open(c, &f))
        return serve_say(&f);
    struct image *image = &leaf(c)->image;
    if (image->check && image->check(image, &c->arena, &f))
        return say_fail(&f);
    if (image->read_only)
        return say_error("mkimage vhd check says why.", "%s: the image should not be written",
                         name);
    return STATUS_OK;
}

/* Makes the new file, and opens it for writing. */
static enum status change_begin(struct change *c, const struct newdisk *d)
{
    enum status status = newdisk_allowed(d);
    if (!status && d->kind != IMAGE_FIXED)
        status = mounted_warn_of_slack(c->path);
    if (!status)
        status = fresh_open(&c->fresh, c->path, true);
    if (!status)
        status = newdisk_write(d, c->fresh.fd, c->path);
    struct fail f;
    /* Blocks that begin at a page and are written in large pieces need no cache. */
    struct serve_options options = {.file = c->fresh.path,
                                    .write = WRITE_PERSISTENT,
                                    .direct_if_able = d->kind == IMAGE_DYNAMIC,
                                    .hasten = true};
    if (!status && !(c->to = serve_open(&options, &f)))
        status = serve_say(&f);
    return status;
}

/* As the image is; the caller changes what is to be another. */
static struct newdisk change_same(struct change *c)
{
    const struct image *image = &leaf(c)->image;
    struct newdisk d = {.format = image->format,
                        .kind = image->kind,
                        .size = image->sectors << SECTOR_SHIFT,
                        .block_size = image->block_size,
                        .id = image->format == IMAGE_VHD ? image->id : NULL,
                        .path = c->path};
    if (image->kind == IMAGE_DIFFERENCING) {
        d.parent = &c->chain.link[1]->image;
        d.parent_path = c->chain.link[1]->path;
    }
    return d;
}

/* Closes what was written. A VHDX gets the id that children know it by. */
static enum status written(struct change *c, const struct image *old)
{
    struct fail f;
    struct serve *to = c->to;
    c->to = NULL;
    if (serve_close(to, &f)) {
        (void)fail_subject(&f, c->fresh.name);
        return serve_say(&f);
    }
    if (old->format != IMAGE_VHDX)
        return STATUS_OK;
    struct hostfiles host;
    struct file file;
    struct image image;
    uint8_t drive;
    hostfiles_init(&host);
    size_t mark = arena_mark(&c->arena);
    enum err err = host.files.open(&host.files, c->fresh.path, &file, &drive, &f);
    if (!err)
        err = vhdx_open(&image, &file, &c->arena, &f);
    int fd = err ? -1 : open(c->fresh.path, O_RDWR | O_CLOEXEC);
    struct store *store = fd >= 0 ? store_host(fd, file.size) : NULL;
    if (!err && (!store || vhdx_log_rename(&image, store, old->id, &f)))
        err = store ? f.err : fail(&f, ERR_WRITE, "cannot be opened again", 0);
    store_close(store);
    hostfiles_close(&host);
    arena_release(&c->arena, mark);
    return err ? serve_say(&f) : STATUS_OK;
}

static enum status change_end(struct change *c, enum status status)
{
    struct fail f;
    if (c->to)
        (void)serve_close(c->to, &f);
    status = fresh_end(&c->fresh, status);
    hostfiles_close(&c->host);
    arena_close(&c->arena);
    if (c->lock >= 0) {
        lock_release(c->lock);
        close(c->lock);
    }
    free(c->path);
    return status;
}

/* Refuses where other images stand on this one; where it has a parent they may lie beside that. */
static enum status childless(struct change *c, const char *advice)
{
    const char *parent = c->chain.count > 1 ? c->chain.link[1]->path : NULL;
    return relatives_refuse(c->path, &leaf(c)->image, NULL, parent, advice, &c->arena);
}

/* --- resize */

enum status verb_vhd_resize(const struct options *options)
{
    const char *name = options->argument[0];
    if (!options->size)
        return say_usage("--size is missing");
    struct change c;
    enum status status = behind_judge(name, options->size, options->yes);
    if (status)
        return status;
    status = change_open(&c, name, NULL);
    if (!status && leaf(&c)->image.kind == IMAGE_DIFFERENCING)
        status = say_error("Merge it, or convert it, first.",
                           "%s: a child has the size of its parent", name);
    struct newdisk d = {0};
    if (!status && options->size >> SECTOR_SHIFT != leaf(&c)->image.sectors)
        status =
            childless(&c, "Merge it first, or convert it into a disk of its own: a child has the "
                          "size of its parent.");
    if (!status) {
        d = change_same(&c);
        d.size = options->size;
        status = newdisk_allowed(&d);
    }
    if (!status)
        status = change_begin(&c, &d);
    if (!status) {
        uint64_t sectors = leaf(&c)->image.sectors;
        if (sectors > d.size >> SECTOR_SHIFT)
            sectors = d.size >> SECTOR_SHIFT;
        status = layer_copy(leaf(&c), c.to, sectors, c.path, NULL, "resizing");
    }
    if (!status)
        status = written(&c, &leaf(&c)->image);
    return change_end(&c, status);
}

/* --- compact */

enum status verb_vhd_compact(const struct options *options)
{
    const char *name = options->argument[0];
    struct change c;
    enum status status = change_open(&c, name, NULL);
    if (!status && leaf(&c)->image.kind == IMAGE_FIXED)
        status = say_error("mkimage vhd convert makes a dynamic one of it.",
                           "%s: a fixed disk has a place for every sector", name);
    if (!status && options->free) /* what is free here may be in use there */
        status = childless(&c, "Leave --free out.");
    uint64_t before = 0;
    if (!status) {
        struct newdisk d = change_same(&c);
        before = leaf(&c)->file.size;
        status = change_begin(&c, &d);
    }
    struct content disk = {.fd = -1};
    struct unused *unused = NULL;
    if (!status && options->free)
        status = content_open(&disk, c.path, 0);
    if (!status && options->free)
        status = unused_open(&unused, &disk, name);
    if (!status)
        status = layer_copy(leaf(&c), c.to, leaf(&c)->image.sectors, c.path, unused, "compacting");
    unused_close(unused);
    content_close(&disk);
    if (!status)
        status = written(&c, &leaf(&c)->image);
    struct stat st;
    if (!status && !fstat(c.fresh.fd, &st))
        say("%s: %s, was %s", name, bytes_text((uint64_t)st.st_size), bytes_text(before));
    return change_end(&c, status);
}

/* --- rebase */

/* Is the new parent the same disk as the old one? By its id, else by all that it holds. */
static enum status parent_judge(struct change *c, const struct image *parent, const char *name)
{
    const struct image *child = &leaf(c)->image;
    if (parent->format != child->format)
        return say_error("Convert it first.", "%s: is of another format than its child", name);
    if (parent->sectors != c->chain.link[1]->image.sectors)
        return say_error("Choose the parent that the disk was made from.",
                         "%s: has another size than the parent so far", name);
    for (unsigned i = 0; i < child->parent_ids; i++) {
        if (!memcmp(parent->id, child->parent_id[i], sizeof parent->id))
            return STATUS_OK;
    }
    struct content pair[2];
    enum status status = content_open(&pair[0], c->chain.link[1]->path, 0);
    if (status)
        return status;
    status = content_open(&pair[1], name, 0);
    if (!status && content_compare(pair))
        status = say_error("Choose the parent that the disk was made from.",
                           "%s: does not hold what the parent so far holds", name);
    content_close(&pair[1]);
    content_close(&pair[0]);
    return status;
}

/* Is one of the chain's images the one that is to become its child? */
static enum status loop_judge(const struct change *c, const struct chain *chain, const char *name)
{
    for (unsigned i = 0; i < chain->count; i++) {
        const struct hostfile *host = chain->link[i]->file.ctx;
        if (!fd_leads(host->fd, c->path))
            continue;
        return i ? say_error("Choose the parent that the disk was made from.",
                             "%s: was made from %s itself", name, c->path)
                 : say_error("Choose another one.", "%s: cannot be its own parent", name);
    }
    return STATUS_OK;
}

enum status verb_vhd_rebase(const struct options *options)
{
    const char *name = options->argument[0];
    if (!options->parent)
        return say_usage("--parent is missing");
    char *path = realpath(options->parent, NULL);
    if (!path)
        return say_error("Check the name.", "%s: %s", options->parent, strerror(errno));
    struct change c;
    struct hostfiles host;
    struct chain chain;
    struct fail f;
    hostfiles_init(&host);
    enum status status = change_open(&c, name, path);
    if (!status && leaf(&c)->image.kind != IMAGE_DIFFERENCING)
        status = say_error("Only a child has a parent.", "%s: is no differencing image", name);
    if (!status && chain_open(&chain, &host.files, path, &c.arena, &f))
        status = say_fail(&f);
    if (!status)
        status = loop_judge(&c, &chain, options->parent);
    if (!status)
        status = parent_judge(&c, &chain.link[0]->image, options->parent);
    if (!status) {
        struct newdisk d = change_same(&c);
        d.parent = &chain.link[0]->image;
        d.parent_path = path;
        status = change_begin(&c, &d);
    }
    if (!status)
        status = layer_copy(leaf(&c), c.to, leaf(&c)->image.sectors, c.path, NULL, "rebasing");
    if (!status)
        status = written(&c, &leaf(&c)->image);
    status = change_end(&c, status);
    hostfiles_close(&host);
    free(path);
    return status;
}

/* --- merge */

/* Copies bytes [at, end); less than that would not be the parent. */
static enum status bytes_copy(int from, int to, off_t at, off_t end, const char *name)
{
    for (off_t out = at; at < end;) { /* ends: at grows, unless signals come for ever */
        ssize_t n = copy_file_range(from, &at, to, &out, (size_t)(end - at), 0);
        if (!n)
            return say_error("End what writes to it, and run this again.",
                             "%s: became shorter while it was read", name);
        if (n < 0 && errno != EINTR)
            return say_error("Check the free space there.", "%s: copying failed: %s", name,
                             strerror(errno));
    }
    return STATUS_OK;
}

/* The parent's file as it is; holes stay holes. Its last byte is copied, be it one or not: behind
 * the end of a file that became shorter all looks like a hole. */
static enum status file_copy(int from, int to, const char *name)
{
    uint64_t size = (uint64_t)lseek(from, 0, SEEK_END);
    enum status status = STATUS_OK;
    for (uint64_t at = 0, data; !status && at < size;) { /* ends: what is found goes beyond at */
        uint64_t start = at;
        fd_next_data(from, start, size, &data, &at);
        status = bytes_copy(from, to, (off_t)(data < size ? data : size - 1), (off_t)at, name);
    }
    return status;
}

/* A stick's menu, where the two lie on one that is mounted. */
static enum status menu_look(struct change *c, const char *parent)
{
    char *who;
    enum status status = mounted_starter(c->path, false, &who);
    if (!status && who)
        status = say_error("Unmount it and run mkimage merge, which changes the menu too; or "
                           "change that entry first.",
                           "%s: entry %s starts it, and would not find it any more", c->path, who);
    free(who);
    if (status)
        return status;
    status = mounted_starter(parent, false, &who);
    if (who)
        say_warning("entry %s starts %s itself, so it will start what is merged into it", who,
                    parent);
    free(who);
    return status;
}

static enum status merge(struct change *c, const char *parent)
{
    struct fail f;
    const struct image *child = &leaf(c)->image, *old = &c->chain.link[1]->image;
    if (child->sectors > old->sectors)
        return say_error("mkimage vhd resize makes it larger.", "%s: is smaller than its child",
                         parent);
    enum status status =
        childless(c, "Merge or remove that one first: the merge takes its parent away.");
    if (!status)
        status = relatives_refuse(parent, old, c->path, NULL, "Merge or remove that one first.",
                                  &c->arena);
    if (!status)
        status = menu_look(c, parent);
    int from = open(parent, O_RDWR | O_CLOEXEC);
    if (!status && from < 0)
        status = say_error("Choose one that may be written.", "%s: %s", parent, strerror(errno));
    if (!status)
        status = lock_hold(from, parent, LOCK_WRITER);
    if (!status)
        status = fresh_open(&c->fresh, parent, true);
    if (!status)
        status = file_copy(from, c->fresh.fd, parent);
    struct serve_options options = {
        .file = c->fresh.path, .write = WRITE_PERSISTENT, .hasten = true};
    if (!status && !(c->to = serve_open(&options, &f)))
        status = serve_say(&f);
    if (!status)
        status = layer_copy(leaf(c), c->to, child->sectors, parent, NULL, "merging");
    if (!status)
        status = written(c, old);
    status = fresh_end(&c->fresh, status);
    if (from >= 0) {
        lock_release(from);
        close(from);
    }
    return status;
}

enum status verb_vhd_merge(const struct options *options)
{
    const char *name = options->argument[0];
    struct change c;
    enum status status = change_open(&c, name, NULL);
    if (!status && leaf(&c)->image.kind != IMAGE_DIFFERENCING)
        status = say_error("Only a child can be merged.", "%s: is no differencing image", name);
    if (!status)
        status = merge(&c, c.chain.link[1]->path);
    if (!status)
        mounted_sum_gone(c.path);
    if (!status && unlink(c.path))
        status =
            say_error("Remove it.", "%s: is merged, but still there: %s", name, strerror(errno));
    if (!status) {
        say("%s: merged into %s", name, c.chain.link[1]->path);
        relatives_tell(c.chain.link[1]->path, c.path);
    }
    return change_end(&c, status);
}
