/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A volume made longer, to the end of a partition that became larger. */
#ifndef MKIMAGE_NTFS_LENGTHEN_H
#define MKIMAGE_NTFS_LENGTHEN_H

#include <stdint.h>
#include "cli/say.h"
#include "ntfs/volume.h"

/* How many clusters it has. */
uint64_t volume_clusters(const struct volume *v);

/* Its own tables for so many clusters; those that are new count as used. The boot record is the
 * caller's. */
enum status volume_lengthen(struct volume *v, uint64_t clusters);

/* All clusters from that one on are free. */
enum status volume_release(struct volume *v, uint64_t from);

#endif
