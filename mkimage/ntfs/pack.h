/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies a volume that mkntfs has just made, and moves its metadata together meanwhile. */
#ifndef MKIMAGE_NTFS_PACK_H
#define MKIMAGE_NTFS_PACK_H

#include <stdbool.h>
#include <stdint.h>
#include "host/device.h"

/* Copies the fresh volume in the file `fd` to [start, start + size) of the device. False, with
 * errno set where the kernel said why, where that fails or the volume is not as mkntfs makes them.
 */
bool pack_volume(struct device *device, uint64_t start, uint64_t size, int fd);

#endif
