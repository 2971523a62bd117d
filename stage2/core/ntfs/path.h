/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a path to a file reference, name by name. */
#ifndef CORE_NTFS_PATH_H
#define CORE_NTFS_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/errors.h"
#include "core/ntfs/format.h"

struct ntfs;

/* Folders that one path can lead through. */
#define NTFS_PATH_DEPTH 256

struct ntfs_path {
    uint64_t reference;
    char *text; /* the path as stored on the volume, cut at `text_size` */
    size_t text_size;
    uint8_t stream[2 * NTFS_NAME_MAX]; /* UTF-16LE */
    uint8_t stream_length;             /* units; 0: the unnamed stream */
};

/* Resolves `text` (ntfs.h says what is accepted) from the root. path->text and text_size are the
 * caller's. Memory from vol->arena is released again. ERR_NOT_FOUND, ERR_REPARSE, ERR_CORRUPT. */
MUST_CHECK enum err ntfs_path_resolve(struct ntfs *vol, const char *text, struct ntfs_path *path,
                                      struct fail *f);

/* UTF-8 to UTF-16LE. A surrogate in three bytes stands for itself, as names with a lone one cannot
 * be written otherwise. False where it is malformed or has more than 255 units. */
bool ntfs_units_from_utf8(const char *utf8, size_t bytes, uint8_t *units, uint8_t *length);

#endif
