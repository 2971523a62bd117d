/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks the volume, the file and the image in turn; who objects does so in a note. */
#include "core/entry/writes.h"
#include <stdbool.h>
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "core/chain/chain.h"
#include "core/entry/config.h"
#include "core/map/format.h"
#include "core/map/map.h"
#include "core/ntfs/ntfs.h"
#include "core/vhd/slack.h"

/* Growth in the file: a page is a block. */
#define BLOCK_SECTORS_MIN (1u << MAP_PAGE_SHIFT_MIN)
#define BLOCK_SECTORS_MAX (1u << MAP_PAGE_SHIFT_MAX)
#define GROWTH_BYTES_MAX  ((uint64_t)64 << 20)

#define MEMORY_SHARE      4 /* discard_max: a quarter of memory */

/* May the volume's files be written? */
static bool volume_takes_writes(const struct ntfs *vol, bool force, struct notes *notes)
{
    struct fail f;
    enum err err = ntfs_writable(vol, &f);
    if (!err)
        return true;
    if (err == ERR_HIBERNATED)
        notes_add(notes,
                  force ? "Windows is hibernated on this volume: writing all the same, as force "
                          "says"
                        : "Windows is hibernated on this volume: the disk is write-protected; "
                          "shut that Windows down fully, or set force = yes",
                  0);
    else
        notes_add(notes,
                  force ? "the volume's log is not clean: writing all the same, as force says"
                        : "the volume's log is not clean: the disk is write-protected; attach the "
                          "volume to Windows once, or set force = yes",
                  0);
    return force;
}

/* May the image's sectors be written where they lie? `force` helps against caution, not where
 * there is nowhere to write to. */
static bool leaf_takes_writes(const struct chain_link *leaf, bool force, struct notes *notes)
{
    struct fail f;
    if (file_writable_in_place(&leaf->file, &leaf->extents, &f)) {
        notes_add(notes, f.sentence, f.value);
        return false;
    }
    if (!leaf->image.read_only) /* the image's own note says why */
        return true;
    if (leaf->image.format == IMAGE_VHDX) { /* its log would undo writes: no matter of force */
        notes_add(notes,
                  "the log of the VHDX was not replayed: the disk is write-protected; attach the "
                  "image once where it can be repaired",
                  0);
        return false;
    }
    notes_add(notes,
              force ? "the image should not be written: writing all the same, as force says"
                    : "the image should not be written: the disk is write-protected, unless "
                      "force = yes",
              0);
    return force;
}

static enum err choose_vhd(struct map_writes *writes, struct chain *chain, struct notes *notes,
                           struct fail *f)
{
    struct image *leaf = &chain->link[0]->image;
    enum err err = vhd_slack_find(leaf, &writes->slack, f);
    if (err == ERR_UNSUPPORTED) {
        notes_add(notes, "the VHD's BAT starts within a sector: the disk is write-protected", 0);
        return ERR_OK;
    }
    if (err)
        return err;
    if (writes->slack.block_sectors < BLOCK_SECTORS_MIN ||
        writes->slack.block_sectors > BLOCK_SECTORS_MAX) {
        notes_add(notes,
                  "the VHD has blocks of %u bytes; only those of 4 KiB to 32 MiB are written: the "
                  "disk is write-protected",
                  leaf->block_size);
        return ERR_OK;
    }
    uint64_t bytes = map_growth_bytes(chain, &writes->slack);
    if (bytes > GROWTH_BYTES_MAX) {
        notes_add(notes,
                  "the VHD has so many blocks that writing them would take %u bytes of memory: "
                  "the disk is write-protected",
                  bytes);
        return ERR_OK;
    }
    bool whole = leaf->allocated >= leaf->sectors << SECTOR_SHIFT; /* it never needs a new block */
    if (!writes->slack.count && !whole)
        notes_add(notes,
                  "no room is left inside the VHD file: writes that need a new block will fail; "
                  "mkimage reserve makes room",
                  0);
    if (leaf->kind == IMAGE_DYNAMIC) {
        writes->growth = MAP_GROWS_DYNAMIC;
    } else {
        writes->growth = MAP_GROWS_DIFFERENCING;
        writes->in_place = true;
    }
    return ERR_OK;
}

static enum err choose_persistent(struct map_writes *writes, const struct config_entry *entry,
                                  struct chain *chain, const struct ntfs *vol, struct notes *notes,
                                  struct fail *f)
{
    struct chain_link *leaf = chain->link[0];
    bool may = volume_takes_writes(vol, entry->force, notes);
    may = leaf_takes_writes(leaf, entry->force, notes) && may;
    if (!may)
        return ERR_OK;
    if (leaf->image.format == IMAGE_VHD && leaf->image.kind != IMAGE_FIXED)
        return choose_vhd(writes, chain, notes, f);
    if (leaf->image.format == IMAGE_VHDX)
        notes_add(notes,
                  "a VHDX is written only where it has full blocks: writes anywhere else will fail",
                  0);
    writes->in_place = true;
    return ERR_OK;
}

enum err writes_choose(struct map_writes *writes, const struct config_entry *entry,
                       struct chain *chain, const struct ntfs *vol, uint64_t memory_bytes,
                       struct notes *notes, struct fail *f)
{
    *writes = (struct map_writes){0};
    if (entry->write == WRITE_NONE)
        return ERR_OK;
    if (entry->write == WRITE_PERSISTENT && !entry->ram)
        return choose_persistent(writes, entry, chain, vol, notes, f);

    writes->growth = MAP_GROWS_IN_MEMORY;
    writes->memory = entry->discard_max ? entry->discard_max : memory_bytes / MEMORY_SHARE;
    writes->machine = memory_bytes;
    writes->contents = entry->ram;
    return ERR_OK;
}
