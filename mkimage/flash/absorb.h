/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes what a child stores into its parent, in place. The child still holds the same sectors and
 * is what boots, so the disk reads the same at every moment, as long as the parent's structures
 * hold: a new block is linked only after its bitmap and data are on the drive. Done again after a
 * cut, it ends as if it had not been cut.
 */
#ifndef MKIMAGE_FLASH_ABSORB_H
#define MKIMAGE_FLASH_ABSORB_H

#include <stdint.h>
#include "cli/say.h"
#include "core/base/arena.h"
#include "core/chain/chain.h"
#include "flash/edit.h"
#include "image/slack.h"

struct absorb {
    struct edit *edit;
    struct chain_link *child, *parent;
    struct arena *arena;
    struct slack slack;  /* of the parent, where it has blocks; absorb_open fills it in */
    uint32_t new_blocks; /* blocks that the parent has to get */
};

/* Counts what the parent lacks; refuses a parent that cannot be written. Only reads. */
enum status absorb_open(struct absorb *f);

/* Writes. The parent has `new_blocks` slots, and core has opened both anew since it got them. The
 * mark of a merge that is complete stays: it goes with the child. */
enum status absorb_run(struct absorb *f);

#endif
