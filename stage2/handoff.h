/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last act: places the map and the resident handler, hooks INT 13h and 15h, runs the guest's
 * MBR. */
#ifndef STAGE2_HANDOFF_H
#define STAGE2_HANDOFF_H

#include <stdint.h>
#include "core/base/errors.h"
#include "core/entry/open.h"
#include "pc/drive.h"

struct arena;
struct config_entry;
struct ntfs;

/*
 * Starts the disk's own MBR at 0000:7C00 with DL=80h. `drive` lists the map's drives by index; the
 * disk and its map lie in `arena`. What is started, by which entry and from which volume, is told
 * to who comes after by the boot table. Everything that can fail is done before the first hook: a
 * return means failure, and that nothing was changed but the disk's map. Does not return on
 * success.
 */
MUST_CHECK enum err handoff_start(struct boot_disk *disk, const struct config_entry *entry,
                                  const struct ntfs *own, struct drive *const *drive,
                                  unsigned drive_count, const struct arena *arena, struct fail *f);

/* Conventional memory that the resident handler takes. */
uint32_t handoff_resident_bytes(void);

#endif
