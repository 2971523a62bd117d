/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By core's view of one image alone (ahead.c), which is only read. */
#include "serve/layer.h"
#include "cli/progress.h"
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "serve/ahead.h"
#include "serve/serve.h"

#define GRAIN_SECTORS 128u /* what is judged to be zeros at once, where zeros need no place */

struct copier {
    struct serve *to;
    const char *to_name;
    bool child;
};

/* How many sectors from `at` on are zeros, or are not. */
static uint32_t alike(const struct copier *c, const struct ahead_piece *p, uint32_t at, bool *zero)
{
    uint32_t grain = c->child ? 1 : GRAIN_SECTORS, count = (uint32_t)p->count;
    uint32_t end = at;
    while (end < count) { /* ends: end grows */
        uint32_t n = count - end < grain ? count - end : grain;
        bool is = bytes_are(p->data + (size_t)end * SECTOR_SIZE, (size_t)n * SECTOR_SIZE, 0);
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

static int data_put(struct copier *c, const struct ahead_piece *p, struct fail *f)
{
    int error = 0;
    for (uint32_t at = 0; !error && at < p->count;) { /* ends: alike() is at least one */
        bool zero = false;
        uint32_t n = alike(c, p, at, &zero);
        error = zero ? zeros_put(c, p->lba + at, n, f)
                     : serve_write(c->to, p->data + (size_t)at * SECTOR_SIZE,
                                   (size_t)n * SECTOR_SIZE, (p->lba + at) << SECTOR_SHIFT, f);
        at += n;
    }
    return error;
}

static enum err copy(struct copier *c, struct ahead *from, struct fail *f)
{
    for (;;) { /* ends: the pieces do */
        struct ahead_piece *p;
        enum err err = ahead_next(from, &p, f);
        if (err || !p)
            return err;
        if (p->state == IMAGE_DATA   ? data_put(c, p, f)
            : p->state == IMAGE_ZERO ? zeros_put(c, p->lba, p->count, f)
                                     : 0)
            return fail_subject(f, c->to_name);
        (p->state == IMAGE_DATA ? progress_add : progress_skip)(p->count << SECTOR_SHIFT);
    }
}

enum status layer_copy(struct chain_link *link, struct serve *to, uint64_t sectors,
                       const char *to_name, struct unused *unused, const char *what)
{
    struct copier c = {
        .to = to, .to_name = to_name, .child = link->image.kind == IMAGE_DIFFERENCING};
    struct ahead *from = ahead_open(link, sectors, unused);
    if (!from)
        return say_no_memory();
    struct fail f;
    progress_start(what, sectors << SECTOR_SHIFT);
    enum err err = copy(&c, from, &f);
    progress_end();
    ahead_close(from);
    return !err ? STATUS_OK : f.sentence == ahead_said ? STATUS_FAILED : serve_say(&f);
}
