/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens a VHDX: picks the valid header, has the log laid over the file, finds the two regions. */
#include "core/vhdx/vhdx.h"
#include "core/base/arena.h"
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/vhdx/bat.h"
#include "core/vhdx/format.h"
#include "core/vhdx/log.h"
#include "core/vhdx/mark.h"
#include "core/vhdx/metadata.h"
#include "core/vhdx/pages.h"
#include "core/vhdx/slack.h"
#include "core/vhdx/state.h"

#define MIB_MASK (((uint64_t)1 << VHDX_MIB_SHIFT) - 1)

enum err vhdx_probe(struct file *file, bool *is_vhdx, struct fail *f)
{
    char signature[8];
    *is_vhdx = false;
    if (file->size < sizeof signature)
        return ERR_OK;
    enum err err = file_read(file, 0, signature, sizeof signature, f);
    if (!err)
        *is_vhdx = !memcmp(signature, VHDX_SIGNATURE, sizeof signature);
    return err;
}

static bool header_valid(const uint8_t *bytes)
{
    const struct vhdx_header *h = (const struct vhdx_header *)bytes;
    return !memcmp(h->signature, "head", 4) &&
           le32_get(h->crc) == vhdx_crc(bytes, VHDX_HEADER_SIZE) && le16_get(h->version) == 1;
}

/* The header that counts. */
static enum err header_load(struct vhdx *v, struct image *image, struct fail *f)
{
    uint8_t *first = v->window;
    uint8_t *second = v->window + VHDX_HEADER_SIZE;
    enum err err = file_read(v->file, VHDX_HEADER_1, first, VHDX_HEADER_SIZE, f);
    if (!err)
        err = file_read(v->file, VHDX_HEADER_2, second, VHDX_HEADER_SIZE, f);
    if (err)
        return err;

    bool first_valid = header_valid(first);
    bool second_valid = header_valid(second);
    if (!first_valid && !second_valid)
        return fail(f, ERR_IMAGE, "both VHDX headers are damaged, or of a later version", 0);
    if (!first_valid || !second_valid)
        image_note_damage(image, "VHDX header %u is damaged; the other one is in use",
                          first_valid ? 2 : 1);

    const struct vhdx_header *h1 = (const struct vhdx_header *)first;
    const struct vhdx_header *h2 = (const struct vhdx_header *)second;
    uint64_t sequence1 = le64_get(h1->sequence);
    uint64_t sequence2 = le64_get(h2->sequence);
    if (first_valid && second_valid && sequence1 == sequence2 &&
        memcmp(first, second, VHDX_HEADER_SIZE))
        return fail(f, ERR_IMAGE, "the two VHDX headers differ, but both have sequence number %u",
                    sequence1);
    bool use_second = second_valid && (!first_valid || sequence2 > sequence1);
    v->header = use_second ? *h2 : *h1;
    v->header_offset = use_second ? VHDX_HEADER_2 : VHDX_HEADER_1;
    return ERR_OK;
}

/* A valid region table in v->window; the first one unless it is damaged. */
static enum err region_table_load(struct vhdx *v, struct image *image, struct fail *f)
{
    const struct vhdx_region_table *table = (const struct vhdx_region_table *)v->window;
    for (unsigned copy = 1; copy <= 2; copy++) {
        enum err err = vhdx_read(v, copy == 1 ? VHDX_REGIONS_1 : VHDX_REGIONS_2, v->window,
                                 VHDX_TABLE_SIZE, f);
        if (err)
            return err;
        if (!memcmp(table->signature, "regi", 4) &&
            le32_get(table->crc) == vhdx_crc(v->window, VHDX_TABLE_SIZE) &&
            le32_get(table->count) <= VHDX_TABLE_MAX)
            return ERR_OK;
        image_note_damage(image, "VHDX region table %u is damaged; the other one is in use", copy);
    }
    return fail(f, ERR_IMAGE, "both VHDX region tables are damaged", 0);
}

static enum err region_add(struct vhdx *v, const struct vhdx_region *region, struct fail *f)
{
    static const uint8_t bat_id[16] = VHDX_GUID_BAT;
    static const uint8_t metadata_id[16] = VHDX_GUID_METADATA;
    uint64_t offset = le64_get(region->offset);
    uint32_t length = le32_get(region->length);
    bool is_bat = !memcmp(region->id, bat_id, 16);
    uint64_t end = offset < v->size ? offset + length : v->size;
    if (end > v->regions_end)
        v->regions_end = end;
    if (!is_bat && memcmp(region->id, metadata_id, 16)) {
        if (le32_get(region->flags) & VHDX_REGION_REQUIRED)
            return fail(f, ERR_UNSUPPORTED,
                        "the VHDX region at %x is of an unknown kind and marked as required",
                        offset);
        return ERR_OK;
    }
    if (is_bat ? v->bat_length : v->metadata_length)
        return fail(f, ERR_IMAGE, "the VHDX region at %x is listed twice", offset);
    if (!length || (offset | length) & MIB_MASK)
        return fail(f, ERR_IMAGE, "the VHDX region at %x is not aligned to 1 MiB", offset);
    if (!range_ok(offset, length, v->size))
        return fail(f, ERR_IMAGE, "the VHDX region at %x lies beyond the end of the file", offset);
    if (is_bat) {
        v->bat_offset = offset;
        v->bat_length = length;
    } else {
        v->metadata_offset = offset;
        v->metadata_length = length;
    }
    return vhdx_reserve(v, offset, length, f);
}

static enum err regions_load(struct vhdx *v, struct image *image, struct fail *f)
{
    enum err err = region_table_load(v, image, f);
    if (err)
        return err;
    const struct vhdx_region_table *table = (const struct vhdx_region_table *)v->window;
    const struct vhdx_region *region = (const struct vhdx_region *)(table + 1);
    for (uint32_t i = 0; i < le32_get(table->count); i++) { /* at most VHDX_TABLE_MAX */
        err = region_add(v, &region[i], f);
        if (err)
            return err;
    }
    if (!v->bat_length)
        return fail(f, ERR_IMAGE, "the VHDX has no block table (BAT) region", 0);
    if (!v->metadata_length)
        return fail(f, ERR_IMAGE, "the VHDX has no metadata region", 0);
    return ERR_OK;
}

/* Keeps the log's place free of blocks, and replays the log in memory if it is in use. */
static enum err log_load(struct vhdx *v, struct image *image, struct arena *a, struct fail *f)
{
    const struct vhdx_header *header = &v->header;
    enum err err = header_load(v, image, f);
    if (err)
        return err;
    memcpy(image->id, header->data_write_id, 16);

    uint64_t offset = le64_get(header->log_offset);
    uint32_t length = le32_get(header->log_length);
    v->log_in_use = !bytes_are(header->log_id, sizeof header->log_id, 0);
    bool sound = length && !((offset | length) & MIB_MASK) &&
                 range_ok(offset, length, v->file->size) && !vhdx_reserved(v, offset, length);
    if (sound)
        err = vhdx_reserve(v, offset, length, f);
    if (err || !v->log_in_use)
        return err;
    if (le16_get(header->log_version))
        return fail(f, ERR_UNSUPPORTED, "the VHDX log has the unknown version %u",
                    le16_get(header->log_version));
    if (!sound)
        return fail(f, ERR_IMAGE, "the VHDX log at %x is not where a log can be", offset);
    err = vhdx_log_load(v, header, a, f);
    /* To close the file would mean to replay its log into it, which is not done here. */
    image->read_only = true;
    notes_add(&image->notes,
              "the VHDX was not closed: %u pages of its log count instead of what they replace",
              v->page_count);
    return err;
}

static enum err vhdx_load(struct vhdx *v, struct image *image, struct arena *a, struct fail *f)
{
    if (v->size <= MIB_MASK)
        return fail(f, ERR_IMAGE, "the file has only %u bytes, not even a VHDX's headers", v->size);
    enum err err = vhdx_reserve(v, 0, MIB_MASK + 1, f);
    if (!err)
        err = log_load(v, image, a, f);
    if (!err)
        err = vhdx_mark_load(v, image, f);
    if (!err)
        err = regions_load(v, image, f);
    if (!err)
        err = vhdx_metadata_load(v, image, a, f);
    if (!err)
        err = vhdx_bat_load(v, image, a, f);
    return err;
}

enum err vhdx_open(struct image *image, struct file *file, struct arena *a, struct fail *f)
{
    *image = (struct image){.file = file, .format = IMAGE_VHDX};
    struct vhdx *v = arena_alloc(a, sizeof *v);
    uint8_t *window = arena_alloc(a, VHDX_WINDOW_SIZE);
    if (!v || !window)
        return fail(f, ERR_MEMORY, "no memory for a VHDX's tables: %u bytes are left",
                    arena_left(a));
    v->file = file;
    v->size = file->size;
    v->window = window;
    v->window_at = VHDX_NONE;
    image->ctx = v;
    image->slack = vhdx_slack_find;
    enum err err = vhdx_load(v, image, a, f);
    return err ? fail_subject(f, file->path) : ERR_OK;
}
