/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An NTFS volume inside a device, for writing: libntfs-3g over a struct device, at the partition's
 * offset. No mount, no loop device, no root needed for image files. What the loader reads is never
 * read through this: see flash/target.h.
 */
#ifndef MKIMAGE_NTFS_VOLUME_H
#define MKIMAGE_NTFS_VOLUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/say.h"
#include "host/device.h"

struct _ntfs_volume;
struct _ntfs_inode;
struct ntfs_device;
struct folders;

struct volume {
    struct device *device;
    uint64_t start, size; /* bytes on the device */
    uint32_t cluster_size;
    struct ntfs_device *ntfs_device;
    struct _ntfs_volume *ntfs;
    int64_t position;
    struct folders *folders; /* folder.c's: those that change */
};

/* Mounts the volume that lies at [start, start + size) of the device. */
enum status volume_open(struct volume *v, struct device *device, uint64_t start, uint64_t size);

/* Writes what libntfs-3g still holds back. To be called after a failure as well. */
enum status volume_close(struct volume *v);

/* Creates the folders of `path` that are missing. */
enum status volume_make_folders(struct volume *v, const char *path);

/* Makes the MFT so long that `count` files more fit without changing its own record. */
enum status volume_spare_records(struct volume *v, unsigned count);

/* Bytes of the MFT that hold records, free ones too. */
uint64_t volume_mft_size(const struct volume *v);

/* Writes a whole small file, replacing an older one of that name. */
enum status volume_write_file(struct volume *v, const char *path, const void *data, size_t size);

/* Removes a file; one that is not there is no failure. */
enum status volume_remove(struct volume *v, const char *path);

/* Gives a file or folder these of the attributes that NTFS keeps, besides those it has. */
enum status volume_add_attributes(struct volume *v, const char *path, uint32_t attributes);

/* Makes an empty file with the security descriptor of the file `like`, in a folder that is there.
 * One that exists is no failure. */
enum status volume_make_like(struct volume *v, const char *path, const char *like);

/* Bytes that no file has. */
uint64_t volume_free(const struct volume *v);

/* For place.c: opens the file, or makes an empty one; NULL after a failure that was said. */
struct _ntfs_inode *volume_open_or_create(struct volume *v, const char *path);

/* The same for one that exists. */
struct _ntfs_inode *volume_open_file(struct volume *v, const char *path);

#define VOLUME_MIRRORED 4u /* records 0..3 have a copy in $MFTMirr */

/* What kind of metadata a cluster holds, for those who care in which order it is written. */
enum volume_area {
    AREA_BITMAP,
    AREA_RECORD,
    AREA_ROOT,
    AREA_MIRRORED,
    AREA_COPY,      /* of a record, in the mirror: written with it */
    AREA_INDEX_NEW, /* of a folder, since it was opened */
    AREA_OTHER
};

struct volume_zone {
    uint64_t off, size; /* bytes of the device */
    enum volume_area area;
    uint64_t at; /* of the first one in its file */
};

/* Where $Bitmap, the MFT's bitmap and the MFT lie; the root folder's record by itself, and so the
 * MFT's first records with their copies in the mirror, and what else the mirror holds. The first
 * zone that holds an offset counts. Allocated; the caller frees it. */
enum status volume_zones(struct volume *v, struct volume_zone **zones, unsigned *count);

/* Says that libntfs-3g failed at `what`, with errno. */
enum status volume_failed(const struct volume *v, const char *path, const char *what);

/* Can every part of `path` be a name that Windows takes? */
bool volume_name_ok(const char *path);

/* Do two paths lead to the same place of a volume that mkfs_volume makes: by that volume's table of
 * letters, with separators of both kinds, and with or without one at the start? */
bool volume_same_path(const char *a, const char *b);

#endif
