/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mark in a parent's footers that a merge into it has begun (core/vhd/format.h). */
#ifndef MKIMAGE_FLASH_MERGE_MARK_H
#define MKIMAGE_FLASH_MERGE_MARK_H

#include <stdint.h>
#include "cli/say.h"
#include "core/chain/chain.h"
#include "flash/edit.h"

/* Refuses an image whose footer does not start at a sector: it could not be changed at once. */
enum status merge_mark_possible(const struct image *parent);

/* Writes the mark, behind a flush and with one: what was written before is on the drive before it,
 * and the mark before all that is written later. IMAGE_MERGE_NONE takes it away; `child` may be
 * NULL then. Core's view of the image does not follow. */
enum status merge_mark_set(struct edit *e, const struct chain_link *parent, enum image_merge state,
                           const uint8_t child[16]);

#endif
