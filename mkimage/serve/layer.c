/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By core's view of one image alone. Only reads. */
#include "serve/layer.h"
#include <stdlib.h>
#include "cli/progress.h"
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "serve/serve.h"
#include "serve/unused.h"

#define PIECE_SECTORS 2048u
#define GRAIN_SECTORS 128u /* what is judged to be zeros at once, where zeros need no place */

/* Of a failure that was said already. */
static const char layer_said[] = "could not be read";

struct copier {
    struct chain_link *link;
    struct serve *to;
    const char *to_name;
    struct unused *unused;
    uint8_t *data; /* PIECE_SECTORS */
    bool child;
};

/* Sectors from `at` on of `count` that were read that are zeros, or are not. */
static uint32_t alike(const struct copier *c, uint32_t at, uint32_t count, bool *zero)
{
    uint32_t grain = c->child ? 1 : GRAIN_SECTORS;
    uint32_t end = at;
    while (end < count) { /* ends: end grows */
        uint32_t n = count - end < grain ? count - end : grain;
        bool is = bytes_are(c->data + (size_t)end * SECTOR_SIZE, (size_t)n * SECTOR_SIZE, 0);
        if (end == at)
            *zero = is;
        else if (is != *zero)
            break;
        end += n;
    }
    return end - at;
}

static int zeros_put(struct copier *c, uint64_t lba, uint64_t count, struct fail *f)
{
    return c->child ? serve_zero(c->to, count << SECTOR_SHIFT, lba << SECTOR_SHIFT, true, f) : 0;
}

/* A piece of what the image stores. */
static enum err data_put(struct copier *c, uint64_t lba, uint64_t file_sector, uint32_t count,
                         struct fail *f)
{
    enum err err =
        file_read(&c->link->file, file_sector << SECTOR_SHIFT, c->data, count << SECTOR_SHIFT, f);
    for (uint32_t at = 0; !err && at < count;) { /* ends: alike() is at least one */
        bool zero = false;
        uint32_t n = alike(c, at, count, &zero);
        int error = zero ? zeros_put(c, lba + at, n, f)
                         : serve_write(c->to, c->data + (size_t)at * SECTOR_SIZE,
                                       (size_t)n * SECTOR_SIZE, (lba + at) << SECTOR_SHIFT, f);
        err = error ? fail_subject(f, c->to_name) : ERR_OK;
        at += n;
    }
    return err;
}

static enum err copy(struct copier *c, uint64_t sectors, struct fail *f)
{
    struct image *image = &c->link->image;
    for (uint64_t lba = 0; lba < sectors;) { /* ends: a run has at least one sector */
        struct image_run run;
        enum err err = image->run(image, lba, &run, f);
        if (err)
            return err;
        if (run.count > sectors - lba)
            run.count = sectors - lba;
        bool free = false;
        if (c->unused && run.state != IMAGE_ABSENT &&
            unused_look(c->unused, lba, &run.count, &free))
            return fail(f, ERR_READ, layer_said, 0);
        if (free)
            run.state = IMAGE_ABSENT;
        if (run.state == IMAGE_DATA && run.count > PIECE_SECTORS)
            run.count = PIECE_SECTORS - lba % PIECE_SECTORS;
        if (run.state == IMAGE_DATA)
            err = data_put(c, lba, run.file_sector, (uint32_t)run.count, f);
        else if (run.state == IMAGE_ZERO && zeros_put(c, lba, run.count, f))
            err = fail_subject(f, c->to_name);
        if (err)
            return err;
        (run.state == IMAGE_DATA ? progress_add : progress_skip)(run.count << SECTOR_SHIFT);
        lba += run.count;
    }
    return ERR_OK;
}

enum status layer_copy(struct chain_link *link, struct serve *to, uint64_t sectors,
                       const char *to_name, struct unused *unused, const char *what)
{
    struct copier c = {.link = link,
                       .to = to,
                       .to_name = to_name,
                       .unused = unused,
                       .data = malloc(PIECE_SECTORS * SECTOR_SIZE),
                       .child = link->image.kind == IMAGE_DIFFERENCING};
    if (!c.data)
        return say_no_memory();
    struct fail f;
    progress_start(what, sectors << SECTOR_SHIFT);
    enum err err = copy(&c, sectors, &f);
    progress_end();
    free(c.data);
    return !err ? STATUS_OK : f.sentence == layer_said ? STATUS_FAILED : serve_say(&f);
}
