/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Windows' native start from a virtual disk: its boot manager, \bootmgr, reads its store,
 * \Boot\BCD, from the real drive, and the Windows inside brings its own driver for the virtual
 * disk. To have one image started and no other, the store's default and timeout are another, but in
 * memory only: nothing is written to the drive.
 */
#ifndef CORE_ENTRY_NATIVE_H
#define CORE_ENTRY_NATIVE_H

#include <stdint.h>
#include "core/base/bounds.h"
#include "core/base/errors.h"
#include "core/bcd/store.h"
#include "core/entry/config.h"
#include "core/entry/volumes.h"

struct arena;

#define NATIVE_LOADER_PATH "\\bootmgr"
#define NATIVE_SECTORS_MAX 4 /* two values, each perhaps over a border */

struct native {
    char id[BCD_ID_SIZE];             /* the store's entry for the image */
    unsigned count;                   /* sectors that differ; 0: the store starts it by itself */
    uint64_t lba[NATIVE_SECTORS_MAX]; /* on the drive of the first volume; sorted */
    uint8_t sector[NATIVE_SECTORS_MAX][SECTOR_SIZE];
};

/* Finds the entry of the store on the first volume whose device is the image of `entry`, and makes
 * the sectors. Refuses what the boot manager would not start: ERR_STORE where there is no such
 * entry, the store is not in order or cannot be changed where it lies, ERR_HIBERNATED, and all that
 * keeps the image from being opened. */
MUST_CHECK enum err native_choose(struct native *native, const struct config_entry *entry,
                                  struct volumes *volumes, struct arena *a, struct fail *f);

#endif
