/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A new disk's own parts around a volume that was just formatted: what makes it boot. */
#ifndef MKIMAGE_FLASH_NEWVOLUME_H
#define MKIMAGE_FLASH_NEWVOLUME_H

#include <stdint.h>
#include "cli/say.h"
#include "host/device.h"
#include "ntfs/volume.h"

/* Puts \vhdboot.bin there. */
enum status newvolume_stage2(struct volume *v);

/* The boot record of the volume at [start, start + size), and its copy in the last sector. */
enum status newvolume_boot_record(struct device *device, uint64_t start, uint64_t size);

/* A disk signature that nobody has. */
enum status newvolume_signature(uint32_t *signature);

/* The MBR: that signature, one active partition. It comes last: then the disk is
 * whole.
 */
enum status newvolume_table(struct device *device, uint64_t start, uint64_t size,
                            uint32_t signature);

#endif
