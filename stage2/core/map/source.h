/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the disk is made of, as one stream of runs: images asked child first, their file sectors
 * looked up in the files' extents. build.c cuts the stream into pages.
 */
#ifndef CORE_MAP_SOURCE_H
#define CORE_MAP_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"
#include "core/base/image.h"
#include "core/chain/chain.h"

struct map_run;

/* Where an image and its file were asked last: runs are longer than what is taken of them. */
struct map_cursor {
    uint64_t start, end; /* the run lies over [start, end) of the disk; empty before the first */
    enum image_state state;
    bool in_place;
    uint64_t file_sector; /* of start, where IMAGE_DATA */
    uint32_t extent;      /* index of the extent that was used last */
};

struct map_source {
    const struct chain *chain;
    bool writable;  /* the leaf's clusters may be written */
    unsigned first; /* index of the image to ask first: 0, or 1 for the parents alone */
    struct map_cursor cursor[CHAIN_MAX];
};

/* Sectors of image `index`'s file, from `file_sector` on, to sectors of its drive; a hole stays
 * zeros. `run->count` may get shorter. */
MUST_CHECK enum err map_source_place(struct map_source *source, unsigned index,
                                     uint64_t file_sector, struct map_run *run, struct fail *f);

/* The run at `lba`, cut at the disk's end: ZERO or DIRECT. */
MUST_CHECK enum err map_source_next(struct map_source *source, uint64_t lba, struct map_run *run,
                                    struct fail *f);

#endif
