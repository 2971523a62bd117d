/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libntfs-3g moves other names from block to block of a folder's index when one comes or goes, and
 * no order of writing the blocks keeps them all at every moment. So an index of which more than one
 * block changes is written anew, to clusters that were free, and the folder's record leads to it
 * when it is there: one write changes the folder. Where the volume has no room for a second index,
 * the blocks stay where they are.
 */
#ifndef MKIMAGE_NTFS_SETTLE_H
#define MKIMAGE_NTFS_SETTLE_H

#include "cli/say.h"
#include "ntfs/volume.h"

/* Writes anew what has to be, and what a change left that was cut off; to be called when all names
 * are changed. */
enum status folders_settle(struct volume *v);

#endif
