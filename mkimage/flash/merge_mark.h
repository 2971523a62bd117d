/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mark in a parent that a merge into it has begun: in a VHD's footers (core/vhd/format.h), in a
 * sector of a VHDX (core/vhdx/format.h). It names the child by an id that lasts while that one is
 * written to.
 */
#ifndef MKIMAGE_FLASH_MERGE_MARK_H
#define MKIMAGE_FLASH_MERGE_MARK_H

#include <stdint.h>
#include "cli/say.h"
#include "core/chain/chain.h"
#include "flash/edit.h"

/* Refuses an image whose footer does not start at a sector: it could not be changed at once. */
enum status merge_mark_possible(const struct image *parent);

/* Gives a VHDX that is to be merged the id by which its parent's mark names it, where it has none,
 * with a flush; in child->image, too. */
enum status merge_mark_child(struct edit *e, struct chain_link *child);

/* Writes the mark, behind a flush and with one: what was written before is on the drive before it,
 * and the mark before all that is written later. Core's view of the image does not follow. */
enum status merge_mark_set(struct edit *e, const struct chain_link *parent, enum image_merge state,
                           const uint8_t child[16]);

/* Takes it away: nobody needs the child any more. A VHDX gets new ids first, as its disk is another
 * one than its former children knew. What core has opened of the image is gone after that. */
enum status merge_mark_end(struct edit *e, const struct chain_link *parent);

#endif
