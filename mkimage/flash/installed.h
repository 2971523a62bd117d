/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The boot code that TARGET has: where it is, and whether it is this program's own. Only reads. */
#ifndef MKIMAGE_FLASH_INSTALLED_H
#define MKIMAGE_FLASH_INSTALLED_H

#include <stdbool.h>
#include "flash/gap.h"
#include "flash/target.h"

/* Does the MBR say that vhdboot lies outside of the volumes? Then no boot record is on the way. */
bool installed_gap(struct target *t, struct gap *gap);

/* Is vhdboot.bin there, or on the volume, the very one that this program installs? Also where there
 * is none, or this program has none. */
bool installed_is_ours(struct target *t);

#endif
