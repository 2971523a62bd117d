/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts an engine together, and takes it apart. What is opened for it: opened.c. */
#include <stdlib.h>
#include "core/base/bounds.h"
#include "host/lock.h"
#include "serve/above.h"
#include "serve/discard.h"
#include "serve/engine.h"
#include "serve/flusher.h"
#include "serve/opened.h"

static int below_read(void *ctx, void *buf, size_t len, uint64_t off, struct fail *f)
{
    return engine_read(ctx, buf, off >> SECTOR_SHIFT, len >> SECTOR_SHIFT, f);
}

void serve_put_above(struct serve *s, struct above *above)
{
    above->below = below_read;
    above->below_ctx = s;
    s->above = above;
}

static bool start_writing(struct serve *s, struct chain *chain, enum write_mode write,
                          struct fail *f)
{
    struct image *image = &chain->link[0]->image;
    if (write == WRITE_DISCARD) {
        struct above *above = discard_open(serve_size(s), f);
        if (above)
            serve_put_above(s, above);
        return above;
    }
    if (write == WRITE_NONE)
        return true;
    s->leaf = image->format == IMAGE_VHDX ? leaf_vhdx(image, s->layer[0].store, f)
                                          : leaf_vhd(image, s->layer[0].store, f);
    s->first = 1; /* the leaf is asked through `leaf` */
    return s->leaf;
}

static void serve_free(struct serve *s)
{
    if (s->leaf)
        s->leaf->ops->free(s->leaf);
    if (s->above)
        s->above->close(s->above);
    for (unsigned i = 0; i < s->layers; i++)
        store_close(s->layer[i].store);
    opened_close(s->opened);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->edge);
    free(s);
}

struct serve *serve_above_only(struct above *above, uint64_t sectors, struct fail *f)
{
    struct serve *s = calloc(1, sizeof *s);
    if (!s) {
        (void)fail(f, ERR_MEMORY, "out of memory", 0);
        return NULL;
    }
    s->sectors = sectors;
    s->kind = "disk in memory";
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->edge, NULL);
    serve_put_above(s, above);
    return s;
}

struct serve *serve_start(struct chain *chain, struct store *const *store, enum write_mode write,
                          struct fail *f)
{
    struct serve *s = calloc(1, sizeof *s);
    if (!s) {
        for (unsigned i = 0; i < chain->count; i++)
            store_close(store[i]);
        (void)fail(f, ERR_MEMORY, "out of memory", 0);
        return NULL;
    }
    s->layers = chain->count;
    s->sectors = chain->link[0]->image.sectors;
    s->kind = image_kind_name(&chain->link[0]->image);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->edge, NULL);
    for (unsigned i = 0; i < chain->count; i++)
        s->layer[i] = (struct layer){.image = &chain->link[i]->image, .store = store[i]};
    if (start_writing(s, chain, write, f))
        return s;
    serve_free(s);
    return NULL;
}

struct serve *serve_open(const struct serve_options *options, struct fail *f)
{
    struct opened *opened = opened_open(options, f);
    if (!opened)
        return NULL;
    struct serve *s =
        serve_start(opened_chain(opened), opened_stores(opened), opened_write(opened), f);
    if (s)
        s->opened = opened;
    else
        opened_close(opened);
    return s;
}

enum status serve_say(const struct fail *f)
{
    if (f->sentence == opened_said)
        return STATUS_FAILED;
    return say_fail_advice(f, lock_says(f->sentence)      ? LOCK_ADVICE
                              : f->sentence == store_full ? "Make some there, then run this again."
                              : f->sentence == store_long
                                  ? "Raise the limit (ulimit -f), or choose another file system."
                              : f->err == ERR_MEMORY
                                  ? "Free some memory, or raise the limit (ulimit -v)."
                                  : NULL);
}

struct device *serve_drive(const struct serve *s)
{
    return opened_drive(s->opened);
}

int serve_close(struct serve *s, struct fail *f)
{
    flusher_end(s->flusher);
    s->flusher = NULL;
    int error = serve_flush(s, f);
    if (!error && s->leaf)
        error = s->leaf->ops->finish(s->leaf, f);
    serve_free(s);
    return error;
}
