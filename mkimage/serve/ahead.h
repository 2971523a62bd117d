/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one image of the host stores, piece after piece, its parents left out. A thread of its own
 * finds and reads what comes next while the caller is busy with what came before: the drive that is
 * read and the one that is written work at once.
 */
#ifndef MKIMAGE_SERVE_AHEAD_H
#define MKIMAGE_SERVE_AHEAD_H

#include <stdint.h>
#include "core/base/errors.h"
#include "core/base/image.h"

struct ahead;
struct chain_link;
struct unused;

struct ahead_piece {
    uint64_t lba;
    uint64_t count; /* sectors; of data at most 4 MiB */
    enum image_state state;
    uint8_t *data; /* of IMAGE_DATA: at the start of a page */
};

/* Of a failure that was said already. */
extern const char ahead_said[];

/* The image's first `sectors`, from now on this thread's alone, as is `unused` (NULL: none): what
 * that calls free is called absent here. NULL: out of memory. */
struct ahead *ahead_open(struct chain_link *link, uint64_t sectors, struct unused *unused);

/* The next piece, valid until the next call; NULL behind the last one. */
enum err ahead_next(struct ahead *a, struct ahead_piece **piece, struct fail *f);

/* May come before the last piece; NULL does nothing. */
void ahead_close(struct ahead *a);

#endif
