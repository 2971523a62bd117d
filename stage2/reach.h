/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Can the BIOS do what the resident handler will ask of it? Asked before the guest can be hurt. */
#ifndef STAGE2_REACH_H
#define STAGE2_REACH_H

#include "core/base/errors.h"
#include "core/map/map.h"
#include "pc/drive.h"

/* Learns of each of the map's drives how much a call may take, and reads the last sector that the
 * map has on it. ERR_BIOS with what the BIOS cannot reach. */
MUST_CHECK enum err reach_check(const struct map *map, struct drive *drive, unsigned count,
                                struct fail *f);

#endif
