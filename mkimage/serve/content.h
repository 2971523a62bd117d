/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk's content to copy or compare: a VHD or VHDX with its parents, or a raw disk image. */
#ifndef MKIMAGE_SERVE_CONTENT_H
#define MKIMAGE_SERVE_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/say.h"

struct blk;
struct serve;

struct content {
    const char *name;
    struct serve *serve; /* NULL: raw */
    int fd;
    uint64_t size; /* bytes */

    uint64_t file_size; /* raw: bytes, when it was opened */
    /* raw: what lies from `start` to `end`; asking the file system takes as long as the answer is.
     */
    uint64_t start, end;
    bool zero;
};

/* Is it a file of the host that is no image, and not called like one? Refuses one that is another
 * program's image. */
enum status content_is_raw(const char *name, bool *is_raw);

/* FILE or TARGET:/path. Says what is wrong. A file of the host that is neither VHD nor VHDX is raw;
 * its size rounds up to a sector. */
enum status content_open(struct content *s, const char *name, unsigned partition);
void content_close(struct content *s);

/* Bytes of the disk; what lies behind the end of a raw image is zeros. */
enum status content_read(struct content *s, void *buf, size_t len, uint64_t off);

/* The disk as core reads one, as long as `s` lasts. */
void content_blk(struct content *s, struct blk *blk);

/* For how many bytes from `off` (< size) on there is data, or nothing but zeros. */
enum status content_extent(struct content *s, uint64_t off, uint64_t *len, bool *zero);

/* Writes all that is not zero to `to`, which is zeros. Shows progress as `what`. */
enum status content_copy(struct content *s, struct serve *to, const char *to_name,
                         const char *what);

/* Do the two (an array) hold the same? If not, prints the first difference. */
enum status content_compare(struct content *pair);

#endif
