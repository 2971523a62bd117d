/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image's file on TARGET's own volume: which one is meant, and the image in it, without its
 * parents. */
#ifndef MKIMAGE_FLASH_IMAGE_FILE_H
#define MKIMAGE_FLASH_IMAGE_FILE_H

#include "cli/options.h"
#include "cli/say.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "flash/edit.h"

/* The file that is meant: --file, else the entry's image, which may name the volume. */
enum status image_file_path(struct edit *e, const struct options *options, const char **path);

/* Opens it; refuses one that lies on another volume, or cannot be written in place. */
enum status image_file_open(struct edit *e, const char *path, struct image *image,
                            struct file *file, struct extent_list *list);

#endif
