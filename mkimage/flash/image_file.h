/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A verb's image, without its parents: which one is meant, on the host or on TARGET's own volume,
 * and its bytes. */
#ifndef MKIMAGE_FLASH_IMAGE_FILE_H
#define MKIMAGE_FLASH_IMAGE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/options.h"
#include "cli/say.h"
#include "core/base/arena.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "flash/edit.h"

/* Finds out whether an argument FILE, TARGET:/path or TARGET (with --entry or --file) means an
 * image of the host or one of a flash, and goes there. Of a flash, options->file is the path then.
 */
typedef enum status image_file_host(const struct options *options, struct file *file,
                                    struct arena *arena);
typedef enum status image_file_flash(const struct options *options);
enum status image_file_change(const struct options *options, const char *verb,
                              image_file_host *on_host, image_file_flash *on_flash);

/* Reads and writes it (slack_io): a file of the host, `ctx` is its struct device. */
bool image_file_host_io(void *ctx, uint64_t off, void *buf, size_t size, bool write);

/* And one of a flash, `ctx` is this. */
struct image_file_on {
    struct edit *edit;
    const struct extent_list *list; /* that the file has */
};
bool image_file_flash_io(void *ctx, uint64_t off, void *buf, size_t size, bool write);

/* The file that is meant: --file, else the entry's image, which may name the volume. Opens the
 * machine's further drives: one may have the same name, or hold images that depend on this one. */
enum status image_file_path(struct edit *e, const struct options *options, const char **path);

/* Opens it; refuses one that lies on another volume, or cannot be written in place. */
enum status image_file_open(struct edit *e, const char *path, struct image *image,
                            struct file *file, struct extent_list *list);

#endif
