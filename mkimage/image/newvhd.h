/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bytes of a new differencing image that stores nothing yet: of its parent's format. */
#ifndef MKIMAGE_IMAGE_NEWVHD_H
#define MKIMAGE_IMAGE_NEWVHD_H

#include <stddef.h>
#include <stdint.h>
#include "cli/say.h"
#include "core/base/image.h"
#include "image/slack.h"

#define NEWVHD_BLOCK_SIZE (2u << 20)

struct newvhd {
    uint8_t *front; /* all tables: of a VHD the footer's copy, header, parent locator, BAT */
    size_t front_size;
    struct slack slack; /* its footer, and how long the file becomes by slots */
    struct slack_tail tail;
};

/*
 * A child of `parent`, with blocks of so many bytes. `path` and `parent_path` are where the two lie
 * on their volume, from its root on: the child names its parent by the way from its own folder.
 */
enum status newvhd_make(struct newvhd *n, struct image *parent, const char *path,
                        const char *parent_path, uint32_t block_size);

/* What stands at the end of its file, of `size` bytes: a VHD's footer, and in front of it a note
 * about the slack where there is some. */
void newvhd_end(struct newvhd *n, const void **end, uint64_t *end_size, uint64_t size);

void newvhd_free(struct newvhd *n);

#endif
