/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TARGET as the reading verbs see it: a device, its partition table and its NTFS volume, all
 * through the loader's own core.
 */
#ifndef MKIMAGE_FLASH_TARGET_H
#define MKIMAGE_FLASH_TARGET_H

#include <stdbool.h>
#include "cli/say.h"
#include "core/base/arena.h"
#include "core/base/blk.h"
#include "core/base/file.h"
#include "core/chain/chain.h"
#include "core/entry/volumes.h"
#include "core/map/format.h"
#include "core/ntfs/ntfs.h"
#include "core/part/part.h"
#include "host/device.h"

#define TARGET_FURTHER_MAX 7

struct target {
    struct device device;
    struct blk blk; /* reads and sectors read are counted here */
    struct blk_cache cache;
    struct part_table table;
    const struct part *part;
    struct ntfs volume;
    struct arena arena;

    /* Where images may lie: this volume first, then, once a path names one, every other volume of
     * this device and of the machine's further drives. drive[0] is this one. */
    struct volumes volumes;
    const char *const *further_path;
    unsigned further_paths;
    struct device further[TARGET_FURTHER_MAX];
    struct blk further_blk[TARGET_FURTHER_MAX];
    struct blk *drive[MAP_DRIVES_MAX];
};

/* Memory for core that is taken from the host as it is used, up to a limit. */
enum status arena_open(struct arena *arena);
void arena_close(struct arena *arena);

/* Opens the device and mounts the volume. `partition` 0 picks one. */
enum status target_open(struct target *t, const char *path, unsigned partition);

/* The same on a disk that is open already, unless `disk` is NULL: a virtual one (its `io`). */
enum status target_open_disk(struct target *t, const char *path, const struct device *disk,
                             unsigned partition);
void target_close(struct target *t);

/* The disks that the machine has besides this one, which are opened; the strings stay the caller's.
 */
enum status target_further(struct target *t, const char *const *path, unsigned count);

/* The two halves of target_open, for those who report each step by itself. */
enum status target_open_device(struct target *t, const char *path);
enum status target_open_device_disk(struct target *t, const char *path, const struct device *disk);
enum err target_mount(struct target *t, unsigned partition, struct fail *f);

/* As chain_open opens files of its volume, and of no other one. */
struct chain_files target_files(struct target *t);

#endif
