/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In a VHD one sector a footer, the end's first, each behind a flush. A footer that is damaged, or
 * missing, stays as it is. In a VHDX one sector, for parent and child alike.
 */
#include "flash/merge_mark.h"
#include <errno.h>
#include <string.h>
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "core/vhd/footer.h"
#include "core/vhd/format.h"
#include "core/vhdx/format.h"
#include "core/vhdx/mark.h"
#include "flash/renew.h"
#include "host/device.h"
#include "host/random.h"

#define SUM_AT offsetof(struct vhd_footer, checksum)

/* Where the footer at the end lies, and how many bytes of it there are. */
static uint64_t end_footer(const struct image *image, uint32_t *size)
{
    uint64_t file = image->file->size;
    *size = file % SECTOR_SIZE == VHD_SHORT_FOOTER_SIZE ? VHD_SHORT_FOOTER_SIZE : VHD_FOOTER_SIZE;
    return file - *size;
}

enum status merge_mark_possible(const struct image *parent)
{
    uint32_t size;
    if (parent->format == IMAGE_VHD && end_footer(parent, &size) % SECTOR_SIZE)
        return say_error("Copy it with qemu-img convert -O vpc.",
                         "%s: its footer does not start at a sector, so that a merge into it could "
                         "not be marked",
                         parent->file->path);
    return STATUS_OK;
}

/* One footer; `ours` where it is the image's, good, and has been written. */
static bool mark_one(struct edit *e, const struct chain_link *parent, uint64_t at, uint32_t size,
                     enum image_merge state, const uint8_t *child, bool *ours)
{
    struct vhd_footer footer;
    memset(&footer, 0, sizeof footer);
    *ours = false;
    if (!edit_read_at(e, &parent->extents, at, &footer, size))
        return false;
    if (memcmp(footer.cookie, VHD_FOOTER_COOKIE, sizeof footer.cookie) ||
        memcmp(footer.id, parent->image.id, sizeof footer.id) ||
        !vhd_checksum_ok(&footer, sizeof footer, SUM_AT))
        return true;
    memset(&footer.merge, 0, sizeof footer.merge);
    if (state != IMAGE_MERGE_NONE) {
        memcpy(footer.merge.cookie, VHD_MERGE_COOKIE, sizeof footer.merge.cookie);
        memcpy(footer.merge.child, child, sizeof footer.merge.child);
        footer.merge.state = be32_make(state);
    }
    footer.checksum = be32_make(vhd_checksum(&footer, sizeof footer, SUM_AT));
    *ours = true;
    return edit_write_at(e, &parent->extents, at, &footer, size) && edit_sync(e);
}

static enum status set_vhd(struct edit *e, const struct chain_link *parent, enum image_merge state,
                           const uint8_t child[16])
{
    uint32_t size;
    uint64_t at = end_footer(&parent->image, &size);
    bool end = false, copy = false;
    bool ok = edit_sync(e) && mark_one(e, parent, at, size, state, child, &end);
    /* In a fixed disk the guest's own data stand at the start. */
    if (ok && parent->image.kind != IMAGE_FIXED)
        ok = mark_one(e, parent, 0, VHD_FOOTER_SIZE, state, child, &copy);
    if (!ok)
        return device_write_failed(&e->session.device);
    if (!end && state != IMAGE_MERGE_NONE)
        return say_error("Repair it with the program that made it.",
                         "%s: its footer at the end is damaged", parent->file.path);
    return STATUS_OK;
}

/* The one sector of a VHDX, which says what it is as a parent, and its id as a child. */
static enum status set_vhdx(struct edit *e, const struct chain_link *link, enum image_merge state,
                            const uint8_t child[16], const uint8_t own[16])
{
    struct vhdx_mark mark;
    vhdx_mark_make(&mark, state, child, own);
    return edit_sync(e) && edit_write_at(e, &link->extents, VHDX_MARK, &mark, sizeof mark) &&
                   edit_sync(e)
               ? STATUS_OK
               : device_write_failed(&e->session.device);
}

enum status merge_mark_child(struct edit *e, struct chain_link *child)
{
    struct image *image = &child->image;
    if (image->format != IMAGE_VHDX || !bytes_are(image->merge_id, sizeof image->merge_id, 0))
        return STATUS_OK;
    enum status status = random_fill(image->merge_id, sizeof image->merge_id);
    return status ? status : set_vhdx(e, child, image->merge, image->merge_child, image->merge_id);
}

enum status merge_mark_set(struct edit *e, const struct chain_link *parent, enum image_merge state,
                           const uint8_t child[16])
{
    return parent->image.format == IMAGE_VHDX
               ? set_vhdx(e, parent, state, child, parent->image.merge_id)
               : set_vhd(e, parent, state, child);
}

enum status merge_mark_end(struct edit *e, const struct chain_link *parent)
{
    enum status status = renew_ids(e, parent, VHDX_CHANGES_DISK, NULL);
    return status ? status : merge_mark_set(e, parent, IMAGE_MERGE_NONE, NULL);
}
