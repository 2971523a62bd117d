/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The slack of a VHDX: between the last of all that it holds and the end of its file. */
#ifndef CORE_VHDX_SLACK_H
#define CORE_VHDX_SLACK_H

#include "core/base/errors.h"
#include "core/base/growth.h"

struct image;

/*
 * image->slack. Walks the whole BAT. What an entry names counts as in use whatever its state is:
 * others may take a block up again that they have unmapped. ERR_UNSUPPORTED where the disk has
 * sectors of 4096 bytes.
 */
MUST_CHECK enum err vhdx_slack_find(struct image *image, struct image_slack *slack, struct fail *f);

#endif
