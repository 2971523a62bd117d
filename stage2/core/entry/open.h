/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The path from a volume to a block map, walked by stage2 on the machine and by mkimage check on
 * the host: volume -> entries (vhdboot.cfg, or the images in the root directory) -> chain -> map.
 */
#ifndef CORE_ENTRY_OPEN_H
#define CORE_ENTRY_OPEN_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"
#include "core/chain/chain.h"
#include "core/entry/config.h"
#include "core/entry/volumes.h"
#include "core/map/map.h"

struct arena;
struct blk;
struct ntfs;

#define BOOT_CONFIG_PATH "\\vhdboot.cfg"
#define BOOT_STAGE2_PATH "\\vhdboot.bin"

/* Reads the volume's config, or, where there is none or it names no image, makes an entry of every
 * *.vhd and *.vhdx in the root directory in name order (without a config timeout is unset, and a
 * single one starts at once). ERR_NOT_FOUND where there is neither. */
MUST_CHECK enum err boot_own_entries(struct config *config, bool *from_file, struct ntfs *vol,
                                     struct arena *a, struct fail *f);

/* The menu: those, and behind them the entries of Windows' boot store (windows.h). */
MUST_CHECK enum err boot_entries(struct config *config, bool *from_file, struct ntfs *vol,
                                 struct arena *a, struct fail *f);

struct boot_disk {
    struct chain chain;
    struct map map;
    bool write_protected; /* nothing may be written: boot_write_protected() asks more */
    bool hide_drives;     /* the guest sees no physical hard disk */
    bool in_memory;       /* all of it is to be read into memory before it starts */
    struct notes notes;   /* why, and what is odd */
};

/* Opens the entry's image without compiling it: the chain, and the notes of what may be written. */
MUST_CHECK enum err boot_look(struct boot_disk *disk, const struct config_entry *entry,
                              struct volumes *volumes, struct arena *a, struct fail *f);

/* Opens the entry's image and compiles it. Applies the rules of what may be written: mode, volume
 * state, image state, `force`. `memory_bytes` is the machine's memory, 0 where there is none for
 * changes. */
MUST_CHECK enum err boot_open(struct boot_disk *disk, const struct config_entry *entry,
                              struct volumes *volumes, uint64_t memory_bytes, struct arena *a,
                              struct fail *f);

/* Does the disk answer every write with error 03h: for a reason of boot_open's, or because there is
 * nothing on it that could be written and no room for more? */
bool boot_write_protected(const struct boot_disk *disk);

/* The first part of it: the image with its parents. On failure the links that were opened stay in
 * `chain`. */
MUST_CHECK enum err boot_open_chain(struct chain *chain, const struct config_entry *entry,
                                    struct volumes *volumes, struct arena *a, struct fail *f);

/* Why a disk with this sector 0 cannot be started, as the sentence of an ERR_NO_SYSTEM; NULL where
 * it can be tried. */
const char *boot_record_fault(const uint8_t *sector);

/* Reads the disk's sector 0 by its map, and refuses one that a BIOS cannot start: what the machine
 * does last before it starts the disk, and what mkimage answers by. */
MUST_CHECK enum err boot_record_read(const struct map *map, struct blk *const *drive,
                                     uint8_t *sector, struct fail *f);

#endif
