/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lays the log's pages over what the file has. */
#include "core/vhdx/pages.h"
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/vhdx/format.h"
#include "core/vhdx/state.h"

const struct vhdx_page *vhdx_page_find(const struct vhdx *v, uint64_t number)
{
    uint32_t low = 0;
    uint32_t high = v->page_count;
    while (low < high) { /* ends: the interval shrinks every round */
        uint32_t middle = low + (high - low) / 2;
        if (v->page[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < v->page_count ? &v->page[low] : NULL;
}

/* Lays the log's pages over what was read from the file. */
static void lay_pages(const struct vhdx *v, uint64_t off, uint8_t *buf, uint32_t len)
{
    const struct vhdx_page *p = vhdx_page_find(v, off >> VHDX_PAGE_SHIFT);
    for (; p && p < v->page + v->page_count; p++) {
        uint64_t start = p->number << VHDX_PAGE_SHIFT;
        uint64_t from = start > off ? start : off;
        uint64_t to = start + VHDX_PAGE_SIZE < off + len ? start + VHDX_PAGE_SIZE : off + len;
        if (from >= to)
            return;
        if (p->data)
            memcpy(buf + (size_t)(from - off), p->data + (size_t)(from - start),
                   (size_t)(to - from));
        else
            memset(buf + (size_t)(from - off), 0, (size_t)(to - from));
    }
}

enum err vhdx_read(struct vhdx *v, uint64_t off, void *buf, uint32_t len, struct fail *f)
{
    if (!range_ok(off, len, v->size))
        return fail(f, ERR_IMAGE, "byte %u is beyond the end of the file", off);

    uint32_t stored = len;
    if (off >= v->file->size)
        stored = 0;
    else if (len > v->file->size - off)
        stored = (uint32_t)(v->file->size - off);
    memset((uint8_t *)buf + stored, 0, len - stored);
    if (stored) {
        enum err err = file_read(v->file, off, buf, stored, f);
        if (err)
            return err;
    }
    lay_pages(v, off, buf, len);
    return ERR_OK;
}
