/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bytes of a new VHDX; behind newdisk.h. */
#ifndef MKIMAGE_IMAGE_NEWVHDX_H
#define MKIMAGE_IMAGE_NEWVHDX_H

#include "image/newdisk.h"

#define NEWVHDX_BLOCK_SIZE (32u << 20)

struct newvhd;

enum status newvhdx_write(const struct newdisk *d, int fd, const char *name);

/* Of a child whose bytes, as newvhdx_write() makes them, are n->front: names the sector bitmaps
 * that follow there, zeros, and fills in n->slack. */
enum status newvhdx_chunks(struct newvhd *n, const struct newdisk *d);

#endif
