/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies out of the state of an open VHDX. */
#include "core/vhdx/layout.h"
#include "core/base/image.h"
#include "core/vhdx/state.h"

void vhdx_layout(const struct image *image, struct vhdx_layout *layout)
{
    const struct vhdx *v = image->ctx;
    *layout = (struct vhdx_layout){
        .header = v->header,
        .header_offset = v->header_offset,
        .log_offset = le64_get(v->header.log_offset),
        .bat_offset = v->bat_offset,
        .bat_length = v->bat_length,
        .metadata_offset = v->metadata_offset,
        .metadata_length = v->metadata_length,
        .size = v->size,
        .has_parent = v->has_parent,
        .sectors_4k = v->sectors_4k,
        .log_in_use = v->log_in_use,
        .log_pages = v->page_count,
        .block_shift = v->block_shift,
        .ratio_shift = v->ratio_shift,
        .block_count = v->block_count,
    };
    /* Opening has reserved the log's place where it can be one. */
    for (unsigned i = 0; i < v->area_count; i++) {
        if (v->area[i].offset && v->area[i].offset == layout->log_offset &&
            v->area[i].length == le32_get(v->header.log_length))
            layout->log_length = le32_get(v->header.log_length);
    }
}

void vhdx_log_page(const struct image *image, uint32_t index, uint64_t *offset,
                   const uint8_t **data)
{
    const struct vhdx *v = image->ctx;
    *offset = v->page[index].number << VHDX_PAGE_SHIFT;
    *data = v->page[index].data;
}

uint32_t vhdx_bat_entries(const struct vhdx_layout *layout)
{
    uint32_t chunks = ((layout->block_count - 1) >> layout->ratio_shift) + 1;
    return layout->has_parent ? chunks + (chunks << layout->ratio_shift)
                              : layout->block_count + chunks - 1;
}
