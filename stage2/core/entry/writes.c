/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks the volume, the file and the image in turn; who objects does so in a note. */
#include "core/entry/writes.h"
#include <stdbool.h>
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/base/growth.h"
#include "core/base/image.h"
#include "core/chain/chain.h"
#include "core/entry/config.h"
#include "core/map/format.h"
#include "core/map/map.h"
#include "core/ntfs/ntfs.h"

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

/* What stands against new blocks, beside that there is no slack: a sentence, with a number. */
static const char *growth_hindered(struct chain *chain, uint64_t *number)
{
    const struct image *leaf = &chain->link[0]->image;
    uint32_t block_sectors = leaf->block_size / SECTOR_SIZE;
    bool vhdx = leaf->format == IMAGE_VHDX;
    *number = leaf->block_size;
    if (block_sectors < BLOCK_SECTORS_MIN || block_sectors > BLOCK_SECTORS_MAX)
        return vhdx ? "the VHDX has blocks of %u bytes; it gets new ones only up to 32 MiB: writes "
                      "that need a new block will fail"
                    : "the VHD has blocks of %u bytes; only those of 4 KiB to 32 MiB are written: "
                      "the disk is write-protected";
    *number = map_growth_bytes(chain, block_sectors);
    if (*number > GROWTH_BYTES_MAX)
        return vhdx ? "the VHDX has so many blocks that adding some would take %u bytes of memory: "
                      "writes that need a new block will fail"
                    : "the VHD has so many blocks that writing them would take %u bytes of memory: "
                      "the disk is write-protected";
    return NULL;
}

/* An image with blocks. What of a VHDX is there is written in place whatever stands against more.
 */
static enum err choose_blocks(struct map_writes *writes, struct chain *chain, struct notes *notes,
                              struct fail *f)
{
    struct image *leaf = &chain->link[0]->image;
    uint64_t number;
    const char *hindered = growth_hindered(chain, &number);
    bool whole = leaf->allocated >= leaf->sectors << SECTOR_SHIFT; /* it never needs a new block */
    writes->in_place = leaf->format == IMAGE_VHDX;
    if (hindered) {
        if (!whole || !writes->in_place || leaf->kind == IMAGE_DIFFERENCING)
            notes_add(notes, hindered, number);
        return ERR_OK;
    }
    enum err err = leaf->slack(leaf, &writes->slack, f);
    if (err == ERR_UNSUPPORTED) {
        notes_add(notes,
                  writes->in_place ? "the VHDX's table lies where it cannot be written: writes "
                                     "that need a new block will fail"
                                   : "the VHD's BAT starts within a sector: the disk is "
                                     "write-protected",
                  0);
        return ERR_OK;
    }
    if (err)
        return err;
    if (!writes->slack.count && !whole)
        notes_add(notes,
                  writes->in_place ? "no room is left inside the VHDX file: writes that need a new "
                                     "block will fail; mkimage reserve makes room"
                                   : "no room is left inside the VHD file: writes that need a new "
                                     "block will fail; mkimage reserve makes room",
                  0);
    else if (writes->slack.bitmaps < writes->slack.chunks)
        notes_add(notes,
                  "parts of the disk have no sector bitmap in the VHDX: writes that need a new "
                  "block there will fail; mkimage reserve makes them",
                  0);
    writes->growth = leaf->kind == IMAGE_DIFFERENCING ? MAP_GROWS_DIFFERENCING : MAP_GROWS_DYNAMIC;
    writes->in_place |= leaf->kind == IMAGE_DIFFERENCING;
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
    if (leaf->image.slack)
        return choose_blocks(writes, chain, notes, f);
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
