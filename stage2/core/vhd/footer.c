/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which footer counts: the one at the end, or its copy at the start where that is damaged. */
#include "core/vhd/footer.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/base/mem.h"

uint32_t vhd_checksum(const void *data, uint32_t size, uint32_t sum_offset)
{
    const uint8_t *p = data;
    uint32_t sum = 0;
    for (uint32_t i = 0; i < size; i++) {
        if (i - sum_offset >= 4) /* wraps below the field, so is large there too */
            sum += p[i];
    }
    return ~sum;
}

bool vhd_checksum_ok(const void *data, uint32_t size, uint32_t sum_offset)
{
    const uint8_t *p = (const uint8_t *)data + sum_offset;
    be32 stored = {{p[0], p[1], p[2], p[3]}};
    return be32_get(stored) == vhd_checksum(data, size, sum_offset);
}

/* A state of a later version is taken for the one that promises least. */
static enum image_merge footer_merge(const struct vhd_footer *footer)
{
    if (memcmp(footer->merge.cookie, VHD_MERGE_COOKIE, sizeof footer->merge.cookie))
        return IMAGE_MERGE_NONE;
    return be32_get(footer->merge.state) == IMAGE_MERGE_COMPLETE ? IMAGE_MERGE_COMPLETE
                                                                 : IMAGE_MERGE_UNDER_WAY;
}

/* Takes over the mark of one footer; the one at the end comes first. */
static void take_merge(struct vhd_footers *footers, const struct vhd_footer *footer)
{
    enum image_merge merge = footer_merge(footer);
    bool other = footers->merge &&
                 memcmp(footers->merge_child, footer->merge.child, sizeof footers->merge_child);
    if (merge <= footers->merge || other)
        return;
    footers->merge = merge;
    memcpy(footers->merge_child, footer->merge.child, sizeof footers->merge_child);
}

/* Two good footers, but for what a merge writes into them one by one. */
static bool footers_differ(const struct vhd_footer *end, const struct vhd_footer *copy)
{
    struct vhd_footer a = *end, b = *copy;
    memset(&a.merge, 0, sizeof a.merge);
    memset(&b.merge, 0, sizeof b.merge);
    a.checksum = b.checksum = (be32){{0}};
    return memcmp(&a, &b, sizeof a);
}

static enum vhd_footer_state footer_state(const struct vhd_footer *footer)
{
    if (memcmp(footer->cookie, "conectix", sizeof footer->cookie))
        return VHD_FOOTER_NONE;
    return vhd_checksum_ok(footer, sizeof *footer, offsetof(struct vhd_footer, checksum))
               ? VHD_FOOTER_GOOD
               : VHD_FOOTER_BAD_SUM;
}

enum err vhd_footer_find(struct vhd_footers *footers, struct file *file, struct fail *f)
{
    memset(footers, 0, sizeof *footers);
    if (file->size < VHD_SHORT_FOOTER_SIZE)
        return ERR_OK;

    footers->short_footer = file->size % SECTOR_SIZE == VHD_SHORT_FOOTER_SIZE;
    uint32_t size = footers->short_footer ? VHD_SHORT_FOOTER_SIZE : VHD_FOOTER_SIZE;
    if (file->size < size)
        return ERR_OK;
    footers->end_offset = file->size - size;
    if (file->initialized < file->size)
        footers->written = file->initialized;
    enum err err = file_read(file, footers->end_offset, &footers->footer, size, f);
    if (err)
        return err;
    footers->end = footer_state(&footers->footer);
    if (footers->end == VHD_FOOTER_GOOD)
        take_merge(footers, &footers->footer);
    if (footers->end == VHD_FOOTER_GOOD && be32_get(footers->footer.type) == VHD_FIXED)
        return ERR_OK;
    if (file->size < VHD_FOOTER_SIZE)
        return ERR_OK;

    struct vhd_footer copy;
    err = file_read(file, 0, &copy, sizeof copy, f);
    if (err)
        return err;
    footers->copy = footer_state(&copy);
    uint32_t type = be32_get(copy.type);
    if (footers->copy == VHD_FOOTER_GOOD && type != VHD_DYNAMIC && type != VHD_DIFFERENCING)
        footers->copy = VHD_FOOTER_NONE; /* a fixed disk's first sector: the guest's data */

    if (footers->copy == VHD_FOOTER_GOOD)
        take_merge(footers, &copy);
    footers->copies_differ = footers->end == VHD_FOOTER_GOOD && footers->copy == VHD_FOOTER_GOOD &&
                             footers_differ(&footers->footer, &copy);
    footers->copy_used = footers->end != VHD_FOOTER_GOOD && footers->copy == VHD_FOOTER_GOOD;
    if (footers->copy_used)
        footers->footer = copy;
    return ERR_OK;
}

enum err vhd_footer_choose(const struct vhd_footers *footers, struct fail *f)
{
    if (footers->end == VHD_FOOTER_GOOD || footers->copy_used)
        return ERR_OK;
    if (footers->end == VHD_FOOTER_BAD_SUM)
        return fail(f, ERR_IMAGE, "the VHD footer at byte %u has a wrong checksum",
                    footers->end_offset);
    if (footers->copy == VHD_FOOTER_BAD_SUM)
        return fail(f, ERR_IMAGE,
                    "the VHD footer at the end of the file is missing, and the checksum of its "
                    "copy at the start is wrong",
                    0);
    if (footers->written)
        return fail(f, ERR_IMAGE,
                    "only the first %u bytes of the file were ever written, and the VHD footer at "
                    "its end was not",
                    footers->written);
    return fail(f, ERR_IMAGE, "no VHD footer at the end of the file: it is no VHD, or was cut", 0);
}
