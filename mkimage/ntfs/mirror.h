/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The MFT's mirror, where a verb that was cut left it behind: libntfs-3g mounts no such volume. */
#ifndef MKIMAGE_NTFS_MIRROR_H
#define MKIMAGE_NTFS_MIRROR_H

#include <stdbool.h>
#include <stdint.h>
#include "cli/say.h"
#include "core/ntfs/ntfs.h"
#include "host/device.h"

/*
 * Makes the mirror equal to the first records of the MFT, on the volume that starts at byte `start`
 * of the device. `volume` is core's view of it. Where they differ and do not both hold records,
 * something else is wrong, and nothing is written.
 */
enum status mirror_mend(struct device *device, struct ntfs *volume, uint64_t start);

/* Would mirror_mend write anything? */
bool mirror_is_old(const struct device *device, struct ntfs *volume, uint64_t start);

#endif
