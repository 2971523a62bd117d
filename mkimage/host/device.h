/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk image file or block device of the host, as bytes. Writing goes either straight to it, or
 * into an overlay (overlay.h), so that a change can be looked at, saved and ordered before the
 * first byte of it reaches the disk.
 */
#ifndef MKIMAGE_HOST_DEVICE_H
#define MKIMAGE_HOST_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/say.h"
#include "core/base/blk.h"

struct overlay;

struct disk {
    const char *path;
    int fd;
    uint64_t size; /* bytes, a whole number of sectors */
    bool device;   /* a block device */
    bool fresh;    /* a new file: what was not written reads as zero */
    struct overlay *overlay;
};

enum disk_mode { DISK_READ, DISK_WRITE };

/* Opens an existing file or block device. A device is opened for exclusive use when it is to be
 * written, after busy_check (busy.h). */
enum status disk_open(struct disk *d, const char *path, enum disk_mode mode);
void disk_close(struct disk *d);

/* All of `size` bytes, or false with errno set. Reading beyond the end is EIO. */
bool disk_pread(const struct disk *d, void *buf, size_t size, uint64_t off);
bool disk_pwrite(struct disk *d, const void *buf, size_t size, uint64_t off);

/* Makes the range read as zeros; a fresh file's holes are left alone. */
bool disk_zero(struct disk *d, uint64_t off, uint64_t size);

/* What was written is on the medium, not only in the host's memory. */
bool disk_sync(struct disk *d);

/* As core's drive; `b` lives as long as `d`. */
void disk_blk(struct blk *b, struct disk *d);

/* Say that the disk did not give a read, or take a write, with errno. */
enum status disk_read_failed(const struct disk *d);
enum status disk_write_failed(const struct disk *d);

#endif
