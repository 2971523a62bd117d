/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The MFT's mirror, where an install that was cut left it behind: libntfs-3g mounts no such volume.
 */
#ifndef MKIMAGE_NTFS_MIRROR_H
#define MKIMAGE_NTFS_MIRROR_H

#include <stdbool.h>
#include <stdint.h>
#include "cli/say.h"
#include "host/device.h"

/*
 * Makes the mirror equal to the first records of the MFT, on the volume that starts at byte `start`
 * of the device. Only for a volume that core has mounted. Where the two do not both hold records,
 * something else is wrong, and nothing is written.
 */
enum status mirror_mend(struct device *device, uint64_t start);

/* Would mirror_mend write anything? */
bool mirror_is_old(const struct device *device, uint64_t start);

#endif
