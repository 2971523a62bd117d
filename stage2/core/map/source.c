/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks the images, child first, then the file's extents, each with a finger on the last answer. */
#include "core/map/source.h"
#include "core/base/errors.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "core/map/format.h"
#include "core/map/map.h"

/* Makes the cursor's run cover `lba`. */
static enum err cursor_seek(struct map_cursor *c, struct image *image, uint64_t lba, struct fail *f)
{
    if (lba >= c->start && lba < c->end)
        return ERR_OK;
    struct image_run run = {0};
    enum err err = image->run(image, lba, &run, f);
    if (err)
        return fail_subject(f, image->file->path);
    c->start = lba;
    c->end = lba + run.count;
    c->state = run.state;
    c->in_place = run.in_place;
    c->file_sector = run.file_sector;
    return ERR_OK;
}

/* The extent that holds `file_sector`: nearly always the last one or its neighbour. */
static const struct extent *cursor_extent(struct map_cursor *c, const struct extent_list *list,
                                          uint64_t file_sector)
{
    for (uint32_t i = c->extent; i < list->count && i - c->extent < 2; i++) {
        const struct extent *e = &list->extent[i];
        if (file_sector >= e->file_sector && file_sector - e->file_sector < e->count) {
            c->extent = i;
            return e;
        }
    }
    const struct extent *e = extent_find(list, file_sector);
    if (e)
        c->extent = (uint32_t)(e - list->extent);
    return e;
}

enum err map_source_place(struct map_source *source, unsigned index, uint64_t file_sector,
                          struct map_run *run, struct fail *f)
{
    struct chain_link *link = source->chain->link[index];
    const struct extent *e = cursor_extent(&source->cursor[index], &link->extents, file_sector);
    if (!e) {
        (void)fail(f, ERR_IMAGE, "sector %u of the image is beyond the end of its file",
                   file_sector);
        return fail_subject(f, link->file.path);
    }
    uint64_t skip = file_sector - e->file_sector;
    if (run->count > e->count - skip)
        run->count = e->count - skip;
    if (e->drive_lba == EXTENT_HOLE)
        return ERR_OK;

    run->kind = MAP_DIRECT;
    run->drive = link->drive_index;
    run->drive_lba = e->drive_lba + skip;
    uint64_t limit = (uint64_t)1 << MAP_LBA_BITS;
    if (run->drive_lba >= limit || run->count > limit - run->drive_lba) {
        (void)fail(f, ERR_LIMIT, "the file lies at sector %u of its drive, beyond 512 TiB",
                   run->drive_lba);
        return fail_subject(f, link->file.path);
    }
    return ERR_OK;
}

enum err map_source_next(struct map_source *source, uint64_t lba, struct map_run *run,
                         struct fail *f)
{
    const struct chain *chain = source->chain;
    *run = (struct map_run){.kind = MAP_ZERO, .count = chain->link[0]->image.sectors - lba};
    for (unsigned i = source->first; i < chain->count; i++) {
        struct image *image = &chain->link[i]->image;
        if (lba >= image->sectors) /* a parent smaller than its child: nothing there */
            return ERR_OK;

        struct map_cursor *c = &source->cursor[i];
        enum err err = cursor_seek(c, image, lba, f);
        if (err)
            return err;
        if (run->count > c->end - lba)
            run->count = c->end - lba;
        if (c->state == IMAGE_DATA) {
            err = map_source_place(source, i, c->file_sector + (lba - c->start), run, f);
            run->writable = source->writable && !i && c->in_place && run->kind == MAP_DIRECT;
            return err;
        }
        if (c->state == IMAGE_ZERO)
            return ERR_OK;
    }
    return ERR_OK;
}
