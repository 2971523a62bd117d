/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps the volume that the disk lies on from being mounted, partitioned anew or written by
 * anybody: a read-only device-mapper device over it holds it, and can itself be mounted, read-only.
 */
#ifndef MKIMAGE_GUEST_CLAIM_H
#define MKIMAGE_GUEST_CLAIM_H

#include "guest/disk.h"

/* Claims the volume of each drive. 0, or an errno where one could not be claimed: the disk can be
 * used all the same. */
int claim_volumes(const struct disk *d);

/* Gives back what claim_volumes() has claimed, in whatever process. */
void claim_release(void);

#endif
