/* SPDX-License-Identifier: GPL-2.0-or-later */
/* As the hand-over to a disk, but without a disk: no BIOS data but the end of conventional memory
 * changes, and no drive is added. */
#include "overlay.h"
#include <stddef.h>
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/base/mem.h"
#include "core/map/overlay.h"
#include "handoff.h"
#include "pc/memory.h"
#include "tables.h"

enum err overlay_prepare(struct overlay *o, const struct native *native, struct drive *drive,
                         bool write_protected, struct arena *arena, struct fail *f)
{
    *o = (struct overlay){.native = native, .drive = drive, .write_protected = write_protected};
    enum err err = handoff_drives_check(&drive, 1, f);
    if (!err)
        err = map_overlay(&o->map, drive->blk.sectors, native->lba, native->count, arena, f);
    if (!err)
        err = handoff_resident_place(&o->base, f);
    uint64_t sectors = (uint64_t)native->count << SECTOR_SHIFT;
    if (!err)
        err = memory_map_place(sectors + map_bytes(&o->map) + MAP_SEAL_BYTES, &o->sectors_address,
                               &o->end, f);
    if (err)
        return err;
    o->map_address = o->sectors_address + sectors;
    /* The arena starts at the bottom of the same memory; the loader's file lies in it. */
    uint64_t start = (uint64_t)(uintptr_t)arena->base;
    if (o->sectors_address < start + arena->used && o->end > start)
        return fail(f, ERR_MEMORY, "this machine has too little memory for the drive's block map",
                    0);
    drive_learn(drive);
    return ERR_OK;
}

void overlay_hook(struct overlay *o)
{
    struct resident_header *h = handoff_resident_put(o->base, false);
    handoff_remember(h);
    tables_overlay(h, &o->map, o->drive);
    h->write_protected = o->write_protected;
    memcpy((void *)(uintptr_t)o->sectors_address, o->native->sector,
           (size_t)o->native->count << SECTOR_SHIFT);
    map_overlay_place(&o->map, o->sectors_address);
    handoff_map_put(h, &o->map, o->base, o->sectors_address, o->map_address, o->end);
    handoff_hook_overlay(h, o->base);
}
