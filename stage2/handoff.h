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
struct map;
struct resident_header;

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

/* Steps of it, for who places the handler otherwise (overlay.c). Nothing but memory is changed by
 * any of them, and `hook` comes last. */
MUST_CHECK enum err handoff_drives_check(struct drive *const *drive, unsigned count,
                                         struct fail *f);
MUST_CHECK enum err handoff_resident_place(uint32_t *base, struct fail *f);
/* All beyond its binary is zero. `vhdx`: the handler that knows how a VHDX grows. */
struct resident_header *handoff_resident_put(uint32_t base, bool vhdx);
void handoff_remember(struct resident_header *h); /* what INT 19h gives back */
/* The map goes to `address`, its seal behind it; [hidden, end) is what INT 15h does not report. */
void handoff_map_put(struct resident_header *h, struct map *map, uint32_t base, uint64_t hidden,
                     uint64_t address, uint64_t end);
/* INT 13h, 15h and 19h, and the end of conventional memory. */
void handoff_hook_overlay(const struct resident_header *h, uint32_t base);

/* Conventional memory that the resident handler takes, and what it takes besides for this disk. */
uint32_t handoff_resident_bytes(void);
uint32_t handoff_look_bytes(const struct map *map);

#endif
