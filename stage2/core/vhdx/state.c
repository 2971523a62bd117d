/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The checksum, and the places in the file where no block may lie. */
#include "core/vhdx/state.h"
#include "core/base/crc32c.h"

uint32_t vhdx_crc(const uint8_t *data, uint32_t len)
{
    static const uint8_t zeros[4];
    uint32_t crc = crc32c(0, data, 4);
    crc = crc32c(crc, zeros, sizeof zeros);
    return crc32c(crc, data + 8, len - 8);
}

bool vhdx_reserved(const struct vhdx *v, uint64_t offset, uint64_t length)
{
    for (unsigned i = 0; i < v->area_count; i++) {
        const struct vhdx_area *area = &v->area[i];
        if (offset < area->offset ? length > area->offset - offset
                                  : offset - area->offset < area->length)
            return true;
    }
    return false;
}

enum err vhdx_reserve(struct vhdx *v, uint64_t offset, uint64_t length, struct fail *f)
{
    if (vhdx_reserved(v, offset, length) || v->area_count == VHDX_AREAS_MAX)
        return fail(f, ERR_IMAGE, "the VHDX region at %x overlaps another one", offset);
    v->area[v->area_count++] = (struct vhdx_area){offset, length};
    return ERR_OK;
}
