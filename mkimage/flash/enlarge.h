/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * More slack for an image: what `mkimage reserve` does on a volume, and its parts that are the same
 * for a file of the host. The order, in which the file has a good footer at its end throughout, is
 * that of flash/grow.h.
 */
#ifndef MKIMAGE_FLASH_ENLARGE_H
#define MKIMAGE_FLASH_ENLARGE_H

#include <stdbool.h>
#include <stdint.h>
#include "cli/say.h"
#include "core/base/image.h"
#include "flash/edit.h"
#include "host/device.h"
#include "image/slack.h"

struct enlarge {
    uint64_t size; /* of new data that has to fit, besides what does now */
    bool dry_run;
    bool trust_note; /* no look through a slack whose zeros a note vouches for */
    uint64_t added;  /* out: bytes of new data */
};

/* The image `path` of an open volume. Says what it did, or would do. */
enum status enlarge_in_volume(struct edit *e, const char *path, struct enlarge *how);

/* What another program, or a cut of this one, left in the slack of an image becomes zero. */
enum status enlarge_clean(const struct image *image, struct slack *s, const struct device *device,
                          slack_io *io, void *ctx);

/* A note in a slack that was looked through and gets no longer. */
bool enlarge_note_again(const struct image *image, const struct slack *s, slack_io *io, void *ctx);

/* How many slots there will be; says so where nothing needs to be done. */
uint32_t enlarge_wanted(const char *path, const struct slack *s, uint64_t size);

void enlarge_report(const char *path, const struct slack *s, uint32_t add, const char *how,
                    uint32_t pieces);

#endif
