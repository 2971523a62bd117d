/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which footer counts: the one at the end, or its copy at the start where that is damaged. */
#include "core/vhd/footer.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/base/mem.h"

bool vhd_checksum_ok(const void *data, uint32_t size, uint32_t sum_offset)
{
    const uint8_t *p = data;
    uint32_t sum = 0;
    for (uint32_t i = 0; i < size; i++) {
        if (i - sum_offset >= 4) /* wraps below the field, so is large there too */
            sum += p[i];
    }
    be32 stored = {{p[sum_offset], p[sum_offset + 1], p[sum_offset + 2], p[sum_offset + 3]}};
    return be32_get(stored) == ~sum;
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

    footers->copies_differ = footers->end == VHD_FOOTER_GOOD && footers->copy == VHD_FOOTER_GOOD &&
                             memcmp(&copy, &footers->footer, sizeof copy);
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
