/* SPDX-License-Identifier: GPL-2.0-or-later */
/* New ids for a VHDX that is written in place: in its header, as every writer has to. */
#ifndef MKIMAGE_FLASH_RENEW_H
#define MKIMAGE_FLASH_RENEW_H

#include <stdint.h>
#include "cli/say.h"
#include "core/chain/chain.h"
#include "core/vhdx/write.h"
#include "flash/edit.h"

/*
 * Writes the next header, behind a flush and with one; then the note about the slack, where there
 * is one, which names the header. A cut in between leaves the old header, or one without a note.
 * `file_id` becomes the new file-write id; NULL: it is not asked for. Core's view of the image does
 * not follow, and is good for one call. A VHD has no such ids, and stays as it is.
 */
enum status renew_ids(struct edit *e, const struct chain_link *link, enum vhdx_change change,
                      uint8_t file_id[16]);

#endif
