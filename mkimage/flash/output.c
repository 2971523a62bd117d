/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decides by the kernel's own numbers of files and devices, never by names. */
#include "flash/output.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/bytes.h"
#include "core/base/bounds.h"
#include "host/busy.h"
#include "host/confirm.h"
#include "host/drives.h"
#include "host/fd.h"
#include "host/interrupt.h"
#include "host/lock.h"

#define STATE_LOST                                                                                 \
    "its old content is gone and the new one is not complete, so nothing starts from it. Run "     \
    "this "                                                                                        \
    "again."

/* An image that lies where OUTPUT will be written. */
static enum status check_sources(const struct output *o, const struct flash_plan *plan,
                                 const struct stat *st)
{
    for (unsigned i = 0; i < plan->count; i++) {
        struct stat image;
        const struct flash_image *from = &plan->image[i];
        int fd = from->origin ? from->origin->target.device.fd : from->fd;
        if (!fstat(fd, &image) && image.st_dev == st->st_dev && image.st_ino == st->st_ino)
            return say_error("Name another file.", "%s: is itself one of the images, or holds one",
                             o->path);
        if (o->is_block && drives_shared(st, fd))
            return say_error("Copy it to another drive first.",
                             "%s: is the drive that %s lies on, which would be overwritten while "
                             "it is read",
                             o->path, from->source);
    }
    return STATUS_OK;
}

/* Nobody else may have the file in use that is to be replaced. */
static enum status hold_old(const struct output *o)
{
    int fd = open(o->path, O_RDONLY | O_CLOEXEC);
    enum status status = fd < 0 ? STATUS_OK : lock_hold(fd, o->path, LOCK_WRITER);
    if (fd >= 0)
        close(fd);
    return status;
}

enum status output_check(struct output *o, const struct flash_plan *plan,
                         const struct options *options)
{
    struct stat st;
    if (device_check_name(o->path))
        return STATUS_FAILED;
    if (stat(o->path, &st)) {
        if (errno == ENOENT)
            return STATUS_OK;
        return say_error("Check the name.", "%s: %s", o->path, strerror(errno));
    }
    o->existing = true;
    o->is_block = S_ISBLK(st.st_mode);
    if (!o->is_block && !S_ISREG(st.st_mode))
        return say_error("Name a new file or a block device.",
                         "%s: is neither a file nor a block device", o->path);
    o->old = st;
    if (check_sources(o, plan, &st))
        return STATUS_FAILED;
    if (!options->yes && !options->dry_run && !(o->is_block && confirm_possible()))
        return o->is_block ? say_error("Say --yes if you mean it.",
                                       "%s: is a block device, and all that is on it would be lost",
                                       o->path)
                           : say_error("Name a new one, or say --yes to replace it.",
                                       "%s: the file exists already", o->path);
    if (o->is_block && busy_is_partition(&st))
        return say_error("Name the whole disk, or use install for this partition.",
                         "%s: is a partition, and no machine starts a disk inside of one", o->path);
    enum status status = busy_check(o->path);
    return status || o->is_block ? status : hold_old(o);
}

static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash + 1 - path) : 0;
}

/* The name that the new file has until it is complete: in the same folder, and nobody else's. */
static char *unfinished_name(struct output *o)
{
    char *name;
    o->real = realpath(o->path, NULL);
    if (!o->real)
        o->real = strdup(o->path);
    if (!o->real)
        return NULL;
    const char *last = o->real + folder_length(o->real);
    if (asprintf(&name, "%.*s.%.200s.XXXXXX", (int)(last - o->real), o->real, last) < 0)
        return NULL;
    return name;
}

enum status output_open(struct output *o, uint64_t size)
{
    if (o->is_block) {
        enum status status = device_open(&o->device, o->path, DEVICE_WRITE);
        if (!status)
            interrupt_state(o->path, STATE_LOST);
        return status;
    }
    o->unfinished = unfinished_name(o);
    if (!o->unfinished)
        return say_no_memory();
    int fd = mkostemp(o->unfinished, O_CLOEXEC);
    if (fd < 0) {
        free(o->unfinished);
        o->unfinished = NULL;
        return say_error("Check the folder and who may write there.", "%s: cannot be made: %s",
                         o->path, strerror(errno));
    }
    interrupt_file(o->unfinished);
    o->device = (struct device){
        .path = o->path, .fd = fd, .size = size, .sector_size = SECTOR_SIZE, .fresh = true};
    if (ftruncate(fd, (off_t)size))
        return say_error("Choose a smaller --size, or another file system.",
                         "%s: cannot be made %s large: %s", o->path, bytes_text(size),
                         strerror(errno));
    return STATUS_OK;
}

/* Owner and rights as the old file has them, else as any new file. */
static bool set_rights(const struct output *o)
{
    mode_t mask = umask(0);
    umask(mask);
    if (!o->existing)
        return !fchmod(o->device.fd, 0666 & ~mask);
    const struct stat *old = &o->old;
    bool ours = !fchown(o->device.fd, old->st_uid, old->st_gid);
    return !fchmod(o->device.fd, old->st_mode & (ours ? 07777 : 0700));
}

/* The complete file gets its name; an old one of that name is there until this very moment. */
enum status output_finish(struct output *o)
{
    if (o->is_block)
        return STATUS_OK;
    bool ok = set_rights(o);
    if (ok && o->existing)
        ok = !fsync(o->device.fd) && !rename(o->unfinished, o->real) && fd_sync_folder(o->real);
    else if (ok && renameat2(AT_FDCWD, o->unfinished, AT_FDCWD, o->real, RENAME_NOREPLACE))
        ok = errno == EINVAL && !rename(o->unfinished, o->real);
    if (!ok)
        return say_error("Check the folder and who may write there.", "%s: cannot be made: %s",
                         o->path, strerror(errno));
    interrupt_file(NULL);
    free(o->unfinished);
    o->unfinished = NULL;
    return STATUS_OK;
}

const char *output_name(const struct output *o)
{
    return o->unfinished ? o->unfinished : o->path;
}

void output_close(struct output *o)
{
    if (o->unfinished)
        unlink(o->unfinished);
    interrupt_file(NULL);
    interrupt_state(NULL, NULL);
    device_close(&o->device);
    free(o->unfinished);
    free(o->real);
    o->unfinished = o->real = NULL;
}
