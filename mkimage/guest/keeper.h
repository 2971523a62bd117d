/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two processes behind the root's block device: one serves it, and the other one starts it
 * again should it die. Both outlive the initramfs that they come from: when its files are gone, and
 * /dev and /proc are somewhere else, they need none of them.
 */
#ifndef MKIMAGE_GUEST_KEEPER_H
#define MKIMAGE_GUEST_KEEPER_H

#include "guest/disk.h"

/* Starts both for a disk that was found and opened, and returns once the device is there: its
 * number, or -1 with what is wrong said. `backend` is what the kernel shows of it. */
int keeper_start(struct disk *d, const char *backend);

#endif
