/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The slack of a dynamic or differencing VHD: between its last block and the footer at its end. */
#ifndef CORE_VHD_SLACK_H
#define CORE_VHD_SLACK_H

#include "core/base/errors.h"
#include "core/base/growth.h"

struct image;

/*
 * image->slack. The slots of `image`, which must be a dynamic or differencing VHD. They start with
 * their data at a multiple of 4 KiB of the file, unless that would lose more than one in 64. Walks
 * the BAT where opening the image has not. ERR_UNSUPPORTED where the BAT starts within a sector.
 */
MUST_CHECK enum err vhd_slack_find(struct image *image, struct image_slack *slack, struct fail *f);

#endif
