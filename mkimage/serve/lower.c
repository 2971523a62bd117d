/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds by core's view of each image; a run is asked for once as long as requests stay in it. */
#include "serve/lower.h"
#include <errno.h>
#include "core/base/bounds.h"

static int layer_find(struct layer *layer, uint64_t lba, struct fail *f)
{
    if (lba >= layer->start && lba < layer->end)
        return 0;
    layer->end = 0;
    if (layer->image->run(layer->image, lba, &layer->run, f)) {
        (void)fail_subject(f, layer->image->file->path);
        return EIO;
    }
    layer->start = lba;
    layer->end = lba + layer->run.count;
    return 0;
}

int lower_find(struct layer *layer, unsigned layers, uint64_t lba, uint64_t count,
               struct piece *piece, struct fail *f)
{
    *piece = (struct piece){.count = count};
    for (; layers; layer++, layers--) {
        if (lba >= layer->image->sectors) /* a parent smaller than its child */
            return 0;
        int error = layer_find(layer, lba, f);
        if (error)
            return error;
        if (piece->count > layer->end - lba)
            piece->count = layer->end - lba;
        if (layer->run.state == IMAGE_ZERO)
            return 0;
        if (layer->run.state == IMAGE_DATA) {
            piece->store = layer->store;
            piece->offset = (layer->run.file_sector + (lba - layer->start)) << SECTOR_SHIFT;
            return 0;
        }
    }
    return 0;
}
