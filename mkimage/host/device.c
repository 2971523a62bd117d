/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one place where mkimage opens a disk that exists, and so the one that decides what may be
 * opened. Never reads or writes beyond the size that was found then.
 */
#include "host/device.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/bounds.h"
#include "host/busy.h"
#include "host/fd.h"
#include "host/lock.h"
#include "host/overlay.h"

bool device_pread_below(const struct device *d, void *buf, size_t size, uint64_t off)
{
    if (!range_ok(off, size, d->size)) {
        errno = EIO;
        return false;
    }
    return d->io ? d->io->pread(d->ctx, buf, size, off) : fd_pread(d->fd, buf, size, off);
}

bool device_pread(const struct device *d, void *buf, size_t size, uint64_t off)
{
    return device_pread_below(d, buf, size, off) &&
           (!d->overlay || overlay_read(d->overlay, buf, size, off));
}

bool device_pwrite(struct device *d, const void *buf, size_t size, uint64_t off)
{
    if (!range_ok(off, size, d->size)) {
        errno = ENOSPC;
        return false;
    }
    if (d->overlay)
        return overlay_write(d->overlay, buf, size, off);
    return d->io ? d->io->pwrite(d->ctx, buf, size, off) : fd_pwrite(d->fd, buf, size, off);
}

static bool write_zeros(struct device *d, uint64_t off, uint64_t size)
{
    static uint8_t zeros[1 << 18]; /* never written; not const, so that no program carries it */
    while (size) {
        size_t n = size < sizeof zeros ? (size_t)size : sizeof zeros;
        if (!device_pwrite(d, zeros, n, off))
            return false;
        off += n;
        size -= n;
    }
    return true;
}

bool device_zero(struct device *d, uint64_t off, uint64_t size)
{
    if (!range_ok(off, size, d->size)) {
        errno = ENOSPC;
        return false;
    }
    if (!size || d->fresh)
        return true;
    if (!d->overlay && d->io)
        return d->io->zero(d->ctx, off, size);
    if (!d->overlay) {
        uint64_t range[2] = {off, size};
        if (d->is_block && !ioctl(d->fd, BLKZEROOUT, range))
            return true;
        if (!d->is_block &&
            !fallocate(d->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)size))
            return true;
    }
    return write_zeros(d, off, size);
}

bool device_sync(struct device *d)
{
    if (d->overlay)
        return true;
    return d->io ? d->io->sync(d->ctx) : !fsync(d->fd);
}

void device_forget(struct device *d)
{
    (void)fdatasync(d->fd);
    if (d->is_block)
        (void)ioctl(d->fd, BLKFLSBUF);
    (void)posix_fadvise(d->fd, 0, 0, POSIX_FADV_DONTNEED);
}

enum status device_read_failed(const struct device *d)
{
    return say_error("The drive may be failing: copy what is on it.", "%s: cannot be read: %s",
                     d->path, strerror(errno));
}

enum status device_write_failed(const struct device *d)
{
    if (d->io && errno == ENOSPC)
        return say_error("Give it some (mkimage reserve), then run this again.",
                         "%s: the image has no room for new data", d->path);
    return say_error("Check its free space and its health, then run this again.",
                     "%s: writing failed: %s", d->path, strerror(errno));
}

static enum err blk_of_device(struct blk *b, uint64_t lba, uint32_t count, void *buf,
                              struct fail *f)
{
    const struct device *d = b->ctx;
    if (device_pread(d, buf, (size_t)count << SECTOR_SHIFT, lba << SECTOR_SHIFT))
        return ERR_OK;
    (void)fail(f, ERR_READ, "sector %u could not be read", lba);
    return fail_subject(f, d->path);
}

void device_blk(struct blk *b, struct device *d)
{
    *b = (struct blk){.read = blk_of_device, .ctx = d, .sectors = d->size >> SECTOR_SHIFT};
}

static enum status open_failed(const char *path, enum device_mode mode)
{
    const char *advice = "Check the name.";
    if (errno == EACCES || errno == EPERM || errno == EROFS)
        advice = "Run this as a user who may open it.";
    else if (errno == EBUSY)
        advice = "Unmount it and end what uses it first.";
    return say_error(advice, "%s: cannot be opened for %s: %s", path,
                     mode == DEVICE_WRITE ? "writing" : "reading", strerror(errno));
}

enum status device_check_name(const char *path)
{
    static const char dev[] = "/dev/", memory[] = "/dev/shm/";
    struct stat st;
    bool there = !stat(path, &st);
    char *real = realpath(path, NULL);
    if (!real && !there) { /* the folder that it would be made in */
        const char *slash = strrchr(path, '/');
        char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
        char *resolved = folder ? realpath(folder, NULL) : NULL;
        if (resolved && asprintf(&real, "%s/", resolved) < 0)
            real = NULL;
        free(resolved);
        free(folder);
    }
    bool refused = real && !strncmp(real, dev, sizeof dev - 1) &&
                   strncmp(real, memory, sizeof memory - 1) && !(there && S_ISBLK(st.st_mode));
    free(real);
    return refused ? say_error("Check the name (lsblk -p lists the devices); a file belongs "
                               "somewhere else.",
                               "%s: is no block device, but lies under /dev", path)
                   : STATUS_OK;
}

/* How many bytes the drive's own sectors have; 512 for a file. */
static unsigned sector_size(const struct device *d)
{
    int bytes;
    return d->is_block && !ioctl(d->fd, BLKSSZGET, &bytes) && bytes > 0 ? (unsigned)bytes
                                                                        : SECTOR_SIZE;
}

static enum status check_sectors(const struct device *d)
{
    return d->sector_size == SECTOR_SIZE
               ? STATUS_OK
               : say_error("Use a drive with sectors of 512 bytes.", "%s: " DEVICE_SECTORS_SENTENCE,
                           d->path, d->sector_size);
}

enum status device_check_sectors(const char *path)
{
    struct device d;
    enum status status = device_open(&d, path, DEVICE_READ);
    if (!status)
        status = check_sectors(&d);
    device_close(&d);
    return status;
}

enum status device_open(struct device *d, const char *path, enum device_mode mode)
{
    *d = (struct device){.path = path, .fd = -1};
    struct stat st;
    enum status named = device_check_name(path);
    if (named)
        return named;
    if (stat(path, &st))
        return open_failed(path, mode);
    d->is_block = S_ISBLK(st.st_mode);
    if (!d->is_block && !S_ISREG(st.st_mode))
        return say_error("Name a disk image file or a block device.",
                         "%s: is neither a file nor a block device", path);
    if (mode == DEVICE_WRITE) {
        enum status status = busy_check(path);
        if (status)
            return status;
    }

    int flags = mode == DEVICE_WRITE ? O_RDWR : O_RDONLY;
    if (d->is_block && mode == DEVICE_WRITE)
        flags |= O_EXCL; /* the kernel itself refuses a device that something holds */
    d->fd = open(path, flags | O_CLOEXEC);
    if (d->fd < 0)
        return open_failed(path, mode);
    int locked = 0;
    if (d->is_block && mode == DEVICE_WRITE && !ioctl(d->fd, BLKROGET, &locked) && locked) {
        device_close(d);
        return say_error("Look for a switch on it; blockdev --setrw undoes --setro.",
                         "%s: is write-protected", path);
    }

    d->sector_size = sector_size(d);
    enum status status = STATUS_OK;
    if (mode == DEVICE_WRITE)
        status = check_sectors(d);
    if (!status && mode == DEVICE_WRITE)
        status = lock_hold(d->fd, path, LOCK_WRITER);
    if (status) {
        device_close(d);
        return status;
    }

    off_t end = lseek(d->fd, 0, SEEK_END);
    if (end < 0) {
        device_close(d);
        return say_error("Check the device.", "%s: its size cannot be found", path);
    }
    d->size = (uint64_t)end >> SECTOR_SHIFT << SECTOR_SHIFT;
    return STATUS_OK;
}

void device_close(struct device *d)
{
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
}
