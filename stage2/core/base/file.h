/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file as the image engines see it: bytes at an offset, and where its sectors lie on a drive. An
 * NTFS file and a file of the host both look like this.
 */
#ifndef CORE_BASE_FILE_H
#define CORE_BASE_FILE_H

#include <stdint.h>
#include "core/base/errors.h"

struct arena;

#define EXTENT_HOLE UINT64_MAX

/* `count` sectors of the file from sector `file_sector` on; drive_lba is EXTENT_HOLE for a hole. */
struct extent {
    uint64_t file_sector;
    uint64_t drive_lba;
    uint64_t count;
};

/* Sorted by file_sector, without gaps, neighbours that touch on the drive merged, from sector 0 to
 * the size rounded up to a sector. Bytes past the initialised size are a hole. */
struct extent_list {
    struct extent *extent;
    uint32_t count;
};

struct file {
    uint64_t size;               /* bytes */
    uint64_t initialized;        /* bytes; all after it read as zero */
    void *ctx;                   /* the implementer's */
    char path[FAIL_SUBJECT_MAX]; /* UTF-8, as messages name it */

    /* Reads exactly `len` bytes at `off`; the range was checked against size. */
    enum err (*read)(struct file *file, uint64_t off, void *buf, uint32_t len, struct fail *f);

    /* Lists the extents, memory from `a`. Fails with the reason where the contents cannot be mapped
     * to sectors at all: compressed, encrypted, resident, reparse point. Holes do not fail here. */
    enum err (*extents)(struct file *file, struct extent_list *list, struct arena *a,
                        struct fail *f);
};

/* Reads [off, off + len); ERR_IMAGE with a sentence where that is beyond the end of the file.
 * Failures name the file. */
MUST_CHECK enum err file_read(struct file *file, uint64_t off, void *buf, uint32_t len,
                              struct fail *f);

/* file->extents, with the file named in a failure. */
MUST_CHECK enum err file_extents(struct file *file, struct extent_list *list, struct arena *a,
                                 struct fail *f);

/* What forbids writing to the file's own clusters: ERR_SPARSE, ERR_UNINIT, or ERR_OK. The sentence
 * is the same wherever it is met: it names the cause and what helps. */
MUST_CHECK enum err file_writable_in_place(const struct file *file, const struct extent_list *list,
                                           struct fail *f);

/* Runs on the drive, holes not counted: the "fragments" that users see. */
uint32_t extent_fragments(const struct extent_list *list);

/* The extent that holds `file_sector`, by binary search; NULL beyond the end. */
const struct extent *extent_find(const struct extent_list *list, uint64_t file_sector);

#endif
