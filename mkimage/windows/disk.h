/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of an image, with the engine under it: the virtual disk as a struct device, its
 * partition table and the NTFS volume that Windows is on, through core. FILE, TARGET:/path, or an
 * entry of TARGET's menu; a raw disk as well.
 */
#ifndef MKIMAGE_WINDOWS_DISK_H
#define MKIMAGE_WINDOWS_DISK_H

#include <stdbool.h>
#include "cli/say.h"
#include "flash/target.h"
#include "host/device.h"
#include "serve/serve.h"

struct disk_where {
    const char *file; /* FILE or TARGET:/path or, where that is no image, TARGET */
    const char *entry;
    unsigned partition; /* of TARGET */
    bool write;
    const char *name; /* what messages call it; NULL: by what it is */
};

struct disk {
    struct serve *serve;  /* NULL: a raw disk */
    struct device device; /* the virtual disk */
    char *name;           /* for messages: the image */
    char *path;           /* the same, as it can be opened */
    char *vhd;            /* where it lies on TARGET's volume; NULL: it is a file of the host */
    struct target inside; /* the volume with Windows */
    struct disk_where where;
    bool mounted; /* `inside` is open */
    bool windows; /* and it is one with \Windows; else, if a volume cannot be read: */
    bool has_why;
    struct fail why;
};

/* Opens the image. Says what is wrong. */
enum status disk_open(struct disk *d, const struct disk_where *where);

/* Opens `inside`: the volume with \Windows, the active one first. That there is none is no failure:
 * `windows` tells. */
enum status disk_find_windows(struct disk *d);

/* Says that there is no Windows, or what keeps it from being seen. */
enum status disk_no_windows(const struct disk *d);

/* What edit_open_disk() takes: NULL for a raw disk, which it opens by its name. */
const struct device *disk_device(const struct disk *d);

/* Before the first write: where the image lies on a stick that keeps its sum, that it differs is
 * expected from now on. */
enum status disk_will_write(const struct disk *d);

/* Closes all; what was written may fail then. */
enum status disk_close(struct disk *d, enum status status);

/* Is there such a file or folder on the volume? */
bool disk_has(struct target *t, const char *path);

/* Reads a file of the volume whole, at most `limit` bytes; allocated. Says what is wrong. */
enum status disk_read(struct target *t, const char *path, uint64_t limit, uint8_t **data,
                      size_t *size);

#endif
