/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A state of a later version is taken for the one that promises least. */
#include "core/vhdx/mark.h"
#include "core/base/bits.h"
#include "core/base/crc32c.h"
#include "core/base/mem.h"
#include "core/vhdx/format.h"
#include "core/vhdx/pages.h"
#include "core/vhdx/state.h"

static uint32_t mark_sum(const struct vhdx_mark *mark)
{
    struct vhdx_mark plain = *mark;
    memset(&plain.sum, 0, sizeof plain.sum);
    return crc32c(0, (const uint8_t *)&plain, sizeof plain);
}

enum err vhdx_mark_load(struct vhdx *v, struct image *image, struct fail *f)
{
    struct vhdx_mark mark;
    enum err err = vhdx_read(v, VHDX_MARK, &mark, sizeof mark, f);
    if (err || memcmp(mark.cookie, VHDX_MARK_COOKIE, sizeof mark.cookie))
        return err;
    uint32_t state = le32_get(mark.state);
    if (le32_get(mark.sum) != mark_sum(&mark) || (state && bytes_are(mark.child, 16, 0)))
        return fail(f, ERR_IMAGE, "the mark of a merge at byte %u of the VHDX is damaged",
                    VHDX_MARK);
    memcpy(image->merge_id, mark.own, sizeof image->merge_id);
    if (!state)
        return ERR_OK;
    image->merge = state == IMAGE_MERGE_COMPLETE ? IMAGE_MERGE_COMPLETE : IMAGE_MERGE_UNDER_WAY;
    memcpy(image->merge_child, mark.child, sizeof image->merge_child);
    return ERR_OK;
}

void vhdx_mark_make(struct vhdx_mark *mark, enum image_merge state, const uint8_t child[16],
                    const uint8_t own[16])
{
    memset(mark, 0, sizeof *mark);
    if (own)
        memcpy(mark->own, own, sizeof mark->own);
    if (state)
        memcpy(mark->child, child, sizeof mark->child);
    if (!state && bytes_are(mark->own, sizeof mark->own, 0))
        return;
    memcpy(mark->cookie, VHDX_MARK_COOKIE, sizeof mark->cookie);
    mark->state = le32_make(state);
    mark->sum = le32_make(mark_sum(mark));
}
