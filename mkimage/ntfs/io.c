/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads and writes end in the device below, so libntfs-3g sees an overlay where there is one. */
#include "ntfs/io.h"
#include <errno.h>
#include <sys/stat.h>
#include "host/device.h"
#include "ntfs/libntfs.h"
#include "ntfs/volume.h"

static struct volume *volume_of(struct ntfs_device *dev)
{
    return dev->d_private;
}

static int io_open(struct ntfs_device *dev, int flags)
{
    (void)flags;
    NDevSetOpen(dev);
    return 0;
}

static int io_close(struct ntfs_device *dev)
{
    NDevClearOpen(dev);
    return 0;
}

static s64 io_seek(struct ntfs_device *dev, s64 offset, int whence)
{
    struct volume *v = volume_of(dev);
    if (whence == SEEK_CUR)
        offset += v->position;
    else if (whence == SEEK_END)
        offset += (s64)v->size;
    if (offset < 0) {
        errno = EINVAL;
        return -1;
    }
    v->position = offset;
    return offset;
}

/* How much of a request lies inside the volume; 0 at and beyond its end. */
static s64 inside(const struct volume *v, s64 count, s64 offset)
{
    if (count <= 0 || offset < 0 || (uint64_t)offset >= v->size)
        return 0;
    uint64_t left = v->size - (uint64_t)offset;
    return (uint64_t)count < left ? count : (s64)left;
}

static s64 io_pread(struct ntfs_device *dev, void *buf, s64 count, s64 offset)
{
    struct volume *v = volume_of(dev);
    count = inside(v, count, offset);
    return device_pread(v->device, buf, (size_t)count, v->start + (uint64_t)offset) ? count : -1;
}

static s64 io_pwrite(struct ntfs_device *dev, const void *buf, s64 count, s64 offset)
{
    struct volume *v = volume_of(dev);
    count = inside(v, count, offset);
    return device_pwrite(v->device, buf, (size_t)count, v->start + (uint64_t)offset) ? count : -1;
}

static s64 io_read(struct ntfs_device *dev, void *buf, s64 count)
{
    struct volume *v = volume_of(dev);
    s64 n = io_pread(dev, buf, count, v->position);
    v->position += n > 0 ? n : 0;
    return n;
}

static s64 io_write(struct ntfs_device *dev, const void *buf, s64 count)
{
    struct volume *v = volume_of(dev);
    s64 n = io_pwrite(dev, buf, count, v->position);
    v->position += n > 0 ? n : 0;
    return n;
}

/* Callers sync the device themselves, where the order counts. */
static int io_sync(struct ntfs_device *dev)
{
    (void)dev;
    return 0;
}

static int io_stat(struct ntfs_device *dev, struct stat *st)
{
    *st = (struct stat){.st_mode = S_IFREG | 0600, .st_size = (off_t)volume_of(dev)->size};
    return 0;
}

static int io_ioctl(struct ntfs_device *dev, unsigned long request, void *argument)
{
    (void)dev;
    (void)request;
    (void)argument;
    errno = EOPNOTSUPP;
    return -1;
}

static struct ntfs_device_operations operations = {
    .open = io_open,
    .close = io_close,
    .seek = io_seek,
    .read = io_read,
    .write = io_write,
    .pread = io_pread,
    .pwrite = io_pwrite,
    .sync = io_sync,
    .stat = io_stat,
    .ioctl = io_ioctl,
};

struct ntfs_device *io_device(struct volume *v)
{
    return ntfs_device_alloc(v->device->path, 0, &operations, v);
}
