/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The metadata region: what the disk is like. Items come in any order. */
#include "core/vhdx/metadata.h"
#include <stdbool.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/image.h"
#include "core/base/mem.h"
#include "core/vhdx/format.h"
#include "core/vhdx/locator.h"
#include "core/vhdx/pages.h"
#include "core/vhdx/state.h"

/* The items that are understood; their place in the table below. */
enum item { FILE_PARAMETERS, DISK_SIZE, LOGICAL_SECTOR, PARENT_LOCATOR, PAGE_83, PHYSICAL_SECTOR };
#define ITEMS_NEEDED 3 /* the first ones: without them there is no disk */
#define ITEM_COUNT   6

static const struct {
    uint8_t id[16];
    uint32_t length; /* 0: any */
    const char *missing;
} known[ITEM_COUNT] = {
    [FILE_PARAMETERS] = {VHDX_GUID_FILE_PARAMETERS, 8, "the VHDX does not say its block size"},
    [DISK_SIZE] = {VHDX_GUID_DISK_SIZE, 8, "the VHDX does not say the size of its disk"},
    [LOGICAL_SECTOR] = {VHDX_GUID_LOGICAL_SECTOR, 4, "the VHDX does not say its sector size"},
    [PARENT_LOCATOR] = {VHDX_GUID_PARENT_LOCATOR, 0, NULL},
    [PAGE_83] = {VHDX_GUID_PAGE_83, 16, NULL},
    [PHYSICAL_SECTOR] = {VHDX_GUID_PHYSICAL_SECTOR, 4, NULL},
};

struct place {
    uint64_t offset; /* in the file; 0: the item is not there */
    uint32_t length;
};

static enum err item_add(const struct vhdx *v, const struct vhdx_metadata_item *item,
                         struct place place[ITEM_COUNT], struct fail *f)
{
    uint32_t offset = le32_get(item->offset);
    uint32_t length = le32_get(item->length);
    bool of_user = le32_get(item->flags) & VHDX_METADATA_USER; /* may have any id */
    for (unsigned i = 0; i < ITEM_COUNT; i++) {
        if (of_user || memcmp(item->id, known[i].id, 16))
            continue;
        if (place[i].offset)
            return fail(f, ERR_IMAGE, "the VHDX metadata item at %x is listed twice", offset);
        if (offset < VHDX_TABLE_SIZE || !range_ok(offset, length, v->metadata_length))
            return fail(f, ERR_IMAGE, "the VHDX metadata item at %x lies outside its region",
                        offset);
        if (known[i].length && length < known[i].length)
            return fail(f, ERR_IMAGE, "the VHDX metadata item at %x is too short", offset);
        place[i] = (struct place){v->metadata_offset + offset, length};
        return ERR_OK;
    }
    if (le32_get(item->flags) & VHDX_METADATA_REQUIRED)
        return fail(f, ERR_UNSUPPORTED,
                    "the VHDX metadata item at %x is of an unknown kind and marked as required",
                    offset);
    return ERR_OK;
}

static enum err items_find(struct vhdx *v, struct place place[ITEM_COUNT], struct fail *f)
{
    const struct vhdx_metadata_table *table = (const struct vhdx_metadata_table *)v->window;
    enum err err = vhdx_read(v, v->metadata_offset, v->window, VHDX_TABLE_SIZE, f);
    if (err)
        return err;
    if (memcmp(table->signature, "metadata", 8) || le16_get(table->count) > VHDX_TABLE_MAX)
        return fail(f, ERR_IMAGE, "the VHDX metadata table at %x is damaged", v->metadata_offset);

    const struct vhdx_metadata_item *item = (const struct vhdx_metadata_item *)(table + 1);
    for (unsigned i = 0; i < le16_get(table->count); i++) { /* at most VHDX_TABLE_MAX */
        err = item_add(v, &item[i], place, f);
        if (err)
            return err;
    }
    for (unsigned i = 0; i < ITEMS_NEEDED; i++) {
        if (!place[i].offset)
            return fail(f, ERR_IMAGE, known[i].missing, 0);
    }
    return ERR_OK;
}

static enum err block_size_set(struct vhdx *v, struct image *image,
                               const struct vhdx_file_parameters *parameters, struct fail *f)
{
    uint32_t block_size = le32_get(parameters->block_size);
    uint32_t flags = le32_get(parameters->flags);
    if (!is_power_of_two(block_size) || block_size < VHDX_BLOCK_SIZE_MIN ||
        block_size > VHDX_BLOCK_SIZE_MAX)
        return fail(f, ERR_IMAGE, "the VHDX block size of %u bytes is impossible", block_size);
    v->block_shift = log2_u32(block_size);
    v->has_parent = flags & VHDX_HAS_PARENT;
    image->block_size = block_size;
    image->kind = v->has_parent                  ? IMAGE_DIFFERENCING
                  : flags & VHDX_LEAVE_ALLOCATED ? IMAGE_FIXED
                                                 : IMAGE_DYNAMIC;
    return ERR_OK;
}

static enum err disk_size_set(struct vhdx *v, struct image *image, uint64_t size,
                              uint32_t sector_size, struct fail *f)
{
    if (sector_size != SECTOR_SIZE && sector_size != 4096)
        return fail(f, ERR_IMAGE, "the VHDX sector size of %u bytes is impossible", sector_size);
    if (!size || size > VHDX_DISK_SIZE_MAX || size & (sector_size - 1))
        return fail(f, ERR_IMAGE, "the VHDX disk size of %u bytes is impossible", size);
    image->sectors = size >> SECTOR_SHIFT;
    v->block_count = (uint32_t)((size - 1) >> v->block_shift) + 1;
    v->last_length = size - ((uint64_t)(v->block_count - 1) << v->block_shift);
    v->ratio_shift = VHDX_CHUNK_SHIFT + log2_u32(sector_size) - v->block_shift;
    v->sectors_4k = sector_size == 4096;
    if (v->sectors_4k)
        notes_add(&image->notes,
                  "the disk has sectors of %u bytes: a BIOS can only boot disks with 512", 4096);
    return ERR_OK;
}

enum err vhdx_metadata_load(struct vhdx *v, struct image *image, struct arena *a, struct fail *f)
{
    struct place place[ITEM_COUNT] = {0};
    struct vhdx_file_parameters parameters;
    le64 size;
    le32 sector_size;
    enum err err = items_find(v, place, f);
    if (!err)
        err = vhdx_read(v, place[FILE_PARAMETERS].offset, &parameters, sizeof parameters, f);
    if (!err)
        err = vhdx_read(v, place[DISK_SIZE].offset, &size, sizeof size, f);
    if (!err)
        err = vhdx_read(v, place[LOGICAL_SECTOR].offset, &sector_size, sizeof sector_size, f);
    if (!err)
        err = block_size_set(v, image, &parameters, f);
    if (!err)
        err = disk_size_set(v, image, le64_get(size), le32_get(sector_size), f);
    if (err || !v->has_parent)
        return err;
    if (!place[PARENT_LOCATOR].offset)
        return fail(f, ERR_IMAGE, "the VHDX has a parent, but does not say which", 0);
    return vhdx_locator_load(v, image, place[PARENT_LOCATOR].offset, place[PARENT_LOCATOR].length,
                             a, f);
}
