/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine's requests are a struct device's, one for one. Which argument means what is decided
 * here once for all verbs about Windows. */
#include "windows/disk.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/base/bounds.h"
#include "core/chain/path.h"
#include "core/entry/open.h"
#include "core/ntfs/ntfs.h"
#include "flash/entry.h"
#include "flash/source.h"
#include "flash/sums.h"
#include "serve/mounted_sum.h"

#define WINDOWS_MARK "\\Windows\\System32\\config\\SYSTEM"
#define WINDOWS_DIR  "\\Windows\\System32"
#define PIECE        ((uint32_t)1 << 20)

/* --- The engine as a device */

static bool done(int error)
{
    errno = error;
    return !error;
}

static bool disk_pread(void *ctx, void *buf, size_t size, uint64_t off)
{
    struct disk *d = ctx;
    struct fail f;
    return done(serve_read(d->serve, buf, size, off, &f));
}

static bool disk_pwrite(void *ctx, const void *buf, size_t size, uint64_t off)
{
    struct disk *d = ctx;
    struct fail f;
    return done(serve_write(d->serve, buf, size, off, &f));
}

static bool disk_zero(void *ctx, uint64_t off, uint64_t size)
{
    struct disk *d = ctx;
    struct fail f;
    return done(serve_zero(d->serve, size, off, true, &f));
}

static bool disk_sync(void *ctx)
{
    struct disk *d = ctx;
    struct fail f;
    return done(serve_flush(d->serve, &f));
}

static const struct device_io engine = {
    .pread = disk_pread, .pwrite = disk_pwrite, .zero = disk_zero, .sync = disk_sync};

/* --- Which image */

/* Is the argument an image by itself, and not a disk with a menu? Anything that core opens as one.
 */
static bool is_image(const char *file)
{
    char *target = NULL;
    const char *path;
    if (source_on_target(file, &target, &path)) {
        free(target);
        return true;
    }
    struct hostfiles host;
    struct arena arena;
    struct chain chain;
    struct fail f;
    hostfiles_init(&host);
    if (arena_open(&arena))
        return false;
    enum err err = chain_open(&chain, &host.files, file, &arena, &f);
    bool image = chain.count && (!err || err == ERR_PARENT || err == ERR_IMAGE);
    if (!err && chain.link[0]->image.format != IMAGE_VHD &&
        chain.link[0]->image.format != IMAGE_VHDX)
        image = false; /* a raw disk: with a menu, or the disk itself */
    hostfiles_close(&host);
    arena_close(&arena);
    return image;
}

/* Where the entry's image lies; TARGET has no menu: NULL, and no failure. */
static enum status entry_path(const struct disk_where *where, char **vhd)
{
    struct target t;
    struct entry e = {0};
    struct fail f;
    enum status status = target_open(&t, where->file, where->partition);
    if (status)
        return status;
    enum err err = entry_choose(&e, &t, where->entry, &f);
    if (!err && !*e.chosen->vhd)
        err = fail(&f, ERR_UNSUPPORTED, "the entry has no image", 0);
    if (!err && !(*vhd = strdup(e.chosen->vhd)))
        status = say_no_memory();
    if (err && (where->entry || err != ERR_NOT_FOUND)) {
        (void)fail_subject(&f, where->file);
        status = say_fail(&f);
    }
    target_close(&t);
    return status;
}

static enum status serve_it(struct disk *d, const struct disk_where *where, bool entry)
{
    struct fail f;
    struct serve_options options = {.file = entry ? NULL : where->file,
                                    .target = entry ? where->file : NULL,
                                    .entry = where->entry,
                                    .partition = where->partition,
                                    .write = where->write ? WRITE_PERSISTENT : WRITE_NONE};
    d->serve = serve_open(&options, &f);
    if (!d->serve)
        return serve_say(&f);
    d->device = (struct device){.path = d->name,
                                .fd = -1,
                                .io = &engine,
                                .ctx = d,
                                .size = serve_size(d->serve),
                                .sector_size = SECTOR_SIZE};
    return STATUS_OK;
}

enum status disk_open(struct disk *d, const struct disk_where *where)
{
    *d = (struct disk){.device.fd = -1, .where = *where};
    bool image = is_image(where->file);
    enum status status = image ? STATUS_OK : entry_path(where, &d->vhd);
    if (status)
        return status;
    d->path = d->vhd ? NULL : strdup(where->file);
    if (d->vhd && asprintf(&d->path, "%s:%s", where->file, d->vhd) < 0)
        d->path = NULL;
    d->name = d->path ? strdup(where->name ? where->name : d->path) : NULL;
    if (!d->name)
        status = say_no_memory();
    else if (image || d->vhd)
        status = serve_it(d, where, !image);
    else
        status = device_open(&d->device, d->path, DEVICE_READ);
    return status ? disk_close(d, status) : STATUS_OK;
}

const struct device *disk_device(const struct disk *d)
{
    return d->serve ? &d->device : NULL;
}

enum status disk_will_write(const struct disk *d)
{
    mounted_sum_written(d->path);
    return d->serve ? sums_mark_served(serve_drive(d->serve), d->path, d->where.partition)
                    : STATUS_OK;
}

enum status disk_close(struct disk *d, enum status status)
{
    struct fail f;
    if (d->mounted)
        target_close(&d->inside);
    d->mounted = false;
    if (d->serve && serve_close(d->serve, &f) && !status)
        status = say_fail(&f);
    if (!d->serve)
        device_close(&d->device);
    d->serve = NULL;
    free(d->name);
    free(d->path);
    free(d->vhd);
    d->name = d->path = d->vhd = NULL;
    return status;
}

/* --- What is inside */

bool disk_has(struct target *t, const char *path)
{
    struct file file;
    struct fail f;
    return !ntfs_open(&t->volume, path, &file, &f);
}

static bool none(void *ctx, const struct ntfs_dirent *entry)
{
    (void)ctx;
    (void)entry;
    return false;
}

static bool is_windows(struct target *t)
{
    struct fail f;
    return disk_has(t, WINDOWS_MARK) || !ntfs_list(&t->volume, WINDOWS_DIR, none, NULL, &f);
}

/* Every partition is tried; the first one is the one that a BIOS would start. Of what cannot be
 * read, an encrypted volume counts most: Windows lies on it. */
enum status disk_find_windows(struct disk *d)
{
    struct target *t = &d->inside;
    struct fail f;
    enum status status = target_open_device_disk(t, d->serve ? d->name : d->path, disk_device(d));
    if (status)
        return status;
    d->mounted = true;
    enum err first = target_mount(t, 0, &d->why);
    d->has_why = first;
    d->windows = !first && is_windows(t);
    for (unsigned i = 0; !d->windows && i < t->table.count; i++) {
        enum err err = target_mount(t, t->table.part[i].number, &f);
        d->windows = !err && is_windows(t);
        /* A partition's own sentence says more than "no NTFS partition". */
        bool better = err == ERR_BITLOCKER || (err == ERR_NOT_NTFS && d->has_why);
        if (better && d->why.err != ERR_BITLOCKER) {
            d->why = f;
            d->has_why = true;
        }
    }
    return STATUS_OK;
}

enum status disk_no_windows(const struct disk *d)
{
    struct fail f = d->why;
    if (!d->has_why)
        return say_error("Choose another image.", "%s: there is no Windows on it", d->name);
    f.subject[0] = '\0';
    (void)fail_subject(&f, d->name);
    return say_fail(&f);
}

enum status disk_read(struct target *t, const char *path, uint64_t limit, uint8_t **data,
                      size_t *size)
{
    struct file file;
    struct fail f;
    *data = NULL;
    enum err err = ntfs_open(&t->volume, path, &file, &f);
    if (!err && file.size > limit)
        err = fail(&f, ERR_LIMIT, "%u bytes are more than such a file has", file.size);
    if (!err && !(*data = malloc(file.size + 1)))
        return say_no_memory();
    for (uint64_t off = 0; !err && off < file.size;) { /* ends: n is at least 1 */
        uint64_t left = file.size - off;
        uint32_t n = left < PIECE ? (uint32_t)left : PIECE;
        err = file_read(&file, off, *data + off, n, &f);
        off += n;
    }
    if (!err) {
        *size = (size_t)file.size;
        return STATUS_OK;
    }
    free(*data);
    *data = NULL;
    char *subject;
    if (asprintf(&subject, "%s:%s", t->device.path, path) < 0)
        return say_no_memory();
    f.subject[0] = '\0';
    (void)fail_subject(&f, subject);
    free(subject);
    return say_fail_advice(&f,
                           err == ERR_NOT_FOUND ? "Choose an image with a Windows in it." : NULL);
}
