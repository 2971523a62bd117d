/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk image file or block device of the host, as bytes. Writing goes either straight to it, or
 * into an overlay (overlay.h), so that a change can be looked at, saved and ordered before the
 * first byte of it reaches the device. A virtual disk inside an image can stand in the place of the
 * file (struct device_io).
 */
#ifndef MKIMAGE_HOST_DEVICE_H
#define MKIMAGE_HOST_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/say.h"
#include "core/base/blk.h"

struct overlay;

/* What lies under a device that is no file of the host itself: a virtual disk. Each does all, or
 * gives false with errno set; bytes, aligned or not. */
struct device_io {
    bool (*pread)(void *ctx, void *buf, size_t size, uint64_t off);
    bool (*pwrite)(void *ctx, const void *buf, size_t size, uint64_t off);
    bool (*zero)(void *ctx, uint64_t off, uint64_t size);
    bool (*sync)(void *ctx);
};

struct device {
    const char *path;
    int fd;                     /* -1 where there is `io` */
    const struct device_io *io; /* NULL: a file or block device, `fd` */
    void *ctx;                  /* the io's own, which must last */
    uint64_t size;              /* bytes, a whole number of sectors */
    bool is_block;              /* a block device */
    unsigned sector_size;       /* the drive's own, in bytes; 512 for a file */
    bool fresh;                 /* a new file: what was not written reads as zero */
    struct overlay *overlay;
};

enum device_mode { DEVICE_READ, DEVICE_WRITE };

/* Why no disk is made or changed there, with the number of bytes. */
#define DEVICE_SECTORS_SENTENCE                                                                    \
    "its sectors have %u bytes, and no BIOS starts from such a drive: it reads 512 at a time"

/* Refuses a name under /dev that is no block device: there a mistyped one would become a file. What
 * need not exist yet is judged by its folder. */
enum status device_check_name(const char *path);

/* Refuses a drive whose own sectors have not 512 bytes, with the reason. */
enum status device_check_sectors(const char *path);

/* Opens an existing file or block device. A device is opened for exclusive use when it is to be
 * written, after busy_check (busy.h), and locked against others until the program's end (lock.h).
 */
enum status device_open(struct device *d, const char *path, enum device_mode mode);
void device_close(struct device *d);

/* All of `size` bytes, or false with errno set. Reading beyond the end is EIO. */
bool device_pread(const struct device *d, void *buf, size_t size, uint64_t off);
bool device_pwrite(struct device *d, const void *buf, size_t size, uint64_t off);

/* The same for reading past the overlay: what is there now. */
bool device_pread_below(const struct device *d, void *buf, size_t size, uint64_t off);

/* Makes the range read as zeros; a fresh file's holes are left alone. */
bool device_zero(struct device *d, uint64_t off, uint64_t size);

/* What was written is on the medium, not only in the host's memory. */
bool device_sync(struct device *d);

/* The host forgets what it has of it in memory, as far as it can: it is read from the medium. */
void device_forget(struct device *d);

/* As core's drive; `b` lives as long as `d`. */
void device_blk(struct blk *b, struct device *d);

/* Say that the device did not give a read, or take a write, with errno. */
enum status device_read_failed(const struct device *d);
enum status device_write_failed(const struct device *d);

#endif
