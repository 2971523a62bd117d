/* SPDX-License-Identifier: GPL-2.0-or-later */
/* New images of any kind that store nothing yet, written into an empty file of the host. */
#ifndef MKIMAGE_IMAGE_NEWDISK_H
#define MKIMAGE_IMAGE_NEWDISK_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/image.h"
#include "cli/say.h"

struct newdisk {
    enum image_format format;
    enum image_kind kind;
    uint64_t size;       /* bytes, whole sectors */
    uint32_t block_size; /* bytes; 0: 2 MiB for a VHD, 32 MiB for a VHDX */
    const uint8_t *id;   /* VHD: the unique id; NULL: a new one */

    /* IMAGE_DIFFERENCING: where both lie, whole paths; the child names its parent by the way from
     * its own folder. */
    struct image *parent;
    const char *path, *parent_path;
};

/* Is there such an image? Says why not. */
enum status newdisk_allowed(const struct newdisk *d);

/* `name` is for messages. */
enum status newdisk_write(const struct newdisk *d, int fd, const char *name);

#endif
