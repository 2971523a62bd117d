/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the rest of the system is told of the attached root, all of it below /run, so that nothing
 * of it is there when the same system starts elsewhere.
 */
#ifndef MKIMAGE_GUEST_LEFT_H
#define MKIMAGE_GUEST_LEFT_H

#include "guest/disk.h"
#include "guest/found.h"

/* Names the device and its table in /run/vhdboot; makes udev link it as disk/by-id/vhdboot, with
 * its partitions, and the desktop leave the volume alone; and forbids to hibernate: a sleeping
 * system's drives have to come back as they were, and the one who serves this one sleeps too. */
void left_put(const struct disk *d, const struct found *found, int index);

/* Takes all of it away. */
void left_remove(void);

/* The number of the device that was attached, -1: there is none. */
int left_index(void);

/* Was it not said yet that the drive is waited for? True once. */
bool left_first_wait(void);

#endif
