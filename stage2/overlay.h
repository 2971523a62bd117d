/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The handler over the real drive, a few of whose sectors are others in memory: for a loader that
 * is to read them there. */
#ifndef STAGE2_OVERLAY_H
#define STAGE2_OVERLAY_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"
#include "core/entry/native.h"
#include "core/map/map.h"
#include "pc/drive.h"

struct arena;

struct overlay {
    uint32_t base; /* where the handler goes: conventional memory ends there */
    const struct native *native;
    struct drive *drive;
    bool write_protected;
    struct map map;                             /* in the arena, until overlay_hook() */
    uint64_t sectors_address, map_address, end; /* in high memory */
};

/* Finds room for everything, and changes nothing. `native` has sectors of `drive`. */
MUST_CHECK enum err overlay_prepare(struct overlay *o, const struct native *native,
                                    struct drive *drive, bool write_protected, struct arena *arena,
                                    struct fail *f);

/* Places it all and hooks INT 13h, 15h and 19h. Nothing of it can fail. */
void overlay_hook(struct overlay *o);

#endif
