/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One lock guards the tables; data move outside of it. A place that a thread was given stays good
 * while it uses it: places of blocks that went away are given to others only by a flush that finds
 * no thread at work (leaf->quiet).
 *
 * Long because who holds which lock can only be seen where all that take it stand together.
 */
#include "serve/serve.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "core/base/bounds.h"
#include "host/lock.h"
#include "serve/discard.h"
#include "serve/flusher.h"
#include "serve/leaf.h"
#include "serve/lower.h"
#include "serve/opened.h"

#define SECTOR_MASK  ((uint64_t)SECTOR_SIZE - 1)
#define PIECE_MAX    ((uint64_t)1 << 30)
#define UNSURE       "an earlier flush failed: nothing more is written"
#define READ_FAILED  "byte %u of the disk could not be read"
#define WRITE_FAILED "byte %u of the disk could not be written"

struct serve {
    pthread_mutex_t lock; /* of all below; data are moved without it */
    pthread_mutex_t edge; /* held while a part of a sector is changed */
    struct leaf *leaf;    /* what is written; NULL where nothing is kept */
    struct above *above;  /* takes all writes, where there is one */
    struct layer layer[CHAIN_MAX];
    unsigned first, layers; /* those that are asked after `leaf` */
    uint64_t sectors;
    unsigned busy; /* threads that move data */
    bool owes;     /* something was written that no flush has made lasting */
    bool through;  /* tables are flushed before a request is answered that changed them */
    const char *kind;
    struct flusher *flusher;
    struct opened *opened; /* what serve_open() opened; NULL in tests */
};

/* --- Looking up, under the lock */

static int piece_find(struct serve *s, uint64_t lba, uint64_t count, struct piece *piece,
                      struct fail *f)
{
    if (!s->leaf)
        return lower_find(s->layer + s->first, s->layers - s->first, lba, count, piece, f);
    struct leaf_run run;
    int error = s->leaf->ops->find(s->leaf, lba, &run, f);
    if (error)
        return error;
    if (run.count > count)
        run.count = count;
    *piece = (struct piece){.count = run.count};
    if (run.state == IMAGE_ABSENT)
        return lower_find(s->layer + s->first, s->layers - s->first, lba, run.count, piece, f);
    if (run.state == IMAGE_DATA) {
        piece->store = s->leaf->store;
        piece->offset = run.offset;
    }
    return 0;
}

/* --- Moving data */

/* Sectors as the images have them. */
static int sectors_read(struct serve *s, uint8_t *to, uint64_t lba, uint64_t count, struct fail *f)
{
    while (count) { /* ends: a piece has at least one sector */
        struct piece piece;
        pthread_mutex_lock(&s->lock);
        int error = piece_find(s, lba, count, &piece, f);
        s->busy += !error;
        pthread_mutex_unlock(&s->lock);
        if (error)
            return error;
        size_t bytes = (size_t)(piece.count << SECTOR_SHIFT);
        if (piece.store)
            error = piece.store->read(piece.store, to, bytes, piece.offset);
        else
            memset(to, 0, bytes);
        pthread_mutex_lock(&s->lock);
        s->busy--;
        pthread_mutex_unlock(&s->lock);
        if (error)
            return store_fail(f, error, READ_FAILED, lba << SECTOR_SHIFT);
        to += bytes;
        lba += piece.count;
        count -= piece.count;
    }
    return 0;
}

/* Writes `count` sectors, or as many zeros where `from` is NULL, and tells the tables. */
static int leaf_write(struct serve *s, const uint8_t *from, uint64_t lba, uint64_t count, bool hole,
                      struct fail *f)
{
    struct leaf *leaf = s->leaf;
    while (count) { /* ends: place() gives at least one sector */
        uint64_t n = count, offset = 0;
        pthread_mutex_lock(&s->lock);
        int error = s->leaf->store->unsure ? store_fail(f, EIO, UNSURE, 0)
                                           : leaf->ops->place(leaf, lba, &n, &offset, f);
        s->busy += !error;
        pthread_mutex_unlock(&s->lock);
        if (error)
            return error;
        uint64_t bytes = n << SECTOR_SHIFT;
        error = from ? leaf->store->write(leaf->store, from, (size_t)bytes, offset)
                     : leaf->store->zero(leaf->store, bytes, offset, hole);
        (void)store_fail(f, error, WRITE_FAILED, lba << SECTOR_SHIFT);
        pthread_mutex_lock(&s->lock);
        s->owes = true;
        if (!error)
            error = leaf->ops->written(leaf, lba, n, f);
        s->busy--;
        pthread_mutex_unlock(&s->lock);
        if (error)
            return error;
        from = from ? from + bytes : NULL;
        lba += n;
        count -= n;
    }
    return 0;
}

/* Zeros, as far as possible by the tables alone. */
static int leaf_zero(struct serve *s, uint64_t lba, uint64_t count, bool hole, struct fail *f)
{
    while (count) { /* ends: count shrinks */
        uint64_t done = 0;
        pthread_mutex_lock(&s->lock);
        int error = s->leaf->store->unsure ? store_fail(f, EIO, UNSURE, 0)
                                           : s->leaf->ops->erase(s->leaf, lba, count, &done, f);
        s->owes = true;
        pthread_mutex_unlock(&s->lock);
        if (!error && !done) {
            /* One block at a time: the next one may be whole. */
            uint64_t block = (uint64_t)s->layer[0].image->block_size >> SECTOR_SHIFT;
            uint64_t left = block ? block - (lba & (block - 1)) : count;
            done = count < left ? count : left;
            error = leaf_write(s, NULL, lba, done, hole, f);
        }
        if (error)
            return error;
        lba += done;
        count -= done;
    }
    return 0;
}

/* Whole blocks go by the tables; of others, what the leaf stores becomes zeros. */
static int leaf_trim(struct serve *s, uint64_t lba, uint64_t count, struct fail *f)
{
    struct leaf *leaf = s->leaf;
    while (count) { /* ends: count shrinks */
        uint64_t done = 0;
        struct leaf_run run = {0};
        pthread_mutex_lock(&s->lock);
        int error = s->leaf->store->unsure ? store_fail(f, EIO, UNSURE, 0)
                                           : leaf->ops->erase(leaf, lba, count, &done, f);
        s->owes = true;
        if (!error && !done)
            error = leaf->ops->find(leaf, lba, &run, f);
        pthread_mutex_unlock(&s->lock);
        if (!error && !done) {
            done = run.count < count ? run.count : count;
            if (run.state == IMAGE_DATA)
                error = leaf_write(s, NULL, lba, done, true, f);
        }
        if (error)
            return error;
        lba += done;
        count -= done;
    }
    return 0;
}

/* --- The interface */

static int check_range(const struct serve *s, uint64_t len, uint64_t off, struct fail *f)
{
    if (range_ok(off, len, serve_size(s)))
        return 0;
    return store_fail(f, EINVAL, "byte %u lies beyond the end of the disk", off);
}

static int check_write(const struct serve *s, uint64_t len, uint64_t off, struct fail *f)
{
    if (!serve_writable(s))
        return store_fail(f, EROFS, "the disk is only read", 0);
    return check_range(s, len, off, f);
}

/* A part of one sector. */
static int part_read(struct serve *s, uint8_t *to, size_t len, uint64_t off, struct fail *f)
{
    uint8_t sector[SECTOR_SIZE];
    int error = sectors_read(s, sector, off >> SECTOR_SHIFT, 1, f);
    if (!error)
        memcpy(to, sector + (off & SECTOR_MASK), len);
    return error;
}

static int part_write(struct serve *s, const uint8_t *from, size_t len, uint64_t off,
                      struct fail *f)
{
    uint8_t sector[SECTOR_SIZE];
    pthread_mutex_lock(&s->edge);
    int error = sectors_read(s, sector, off >> SECTOR_SHIFT, 1, f);
    if (!error && from)
        memcpy(sector + (off & SECTOR_MASK), from, len);
    else if (!error)
        memset(sector + (off & SECTOR_MASK), 0, len);
    if (!error)
        error = leaf_write(s, sector, off >> SECTOR_SHIFT, 1, true, f);
    pthread_mutex_unlock(&s->edge);
    return error;
}

/* How many of `len` bytes from `off` on go as one: a part of a sector, or whole ones. */
static uint64_t turn(uint64_t len, uint64_t off, bool *part)
{
    uint64_t in = off & SECTOR_MASK;
    *part = in || len < SECTOR_SIZE;
    if (*part)
        return len < SECTOR_SIZE - in ? len : SECTOR_SIZE - in;
    len &= ~SECTOR_MASK;
    return len < PIECE_MAX ? len : PIECE_MAX;
}

int serve_read(struct serve *s, void *buf, size_t len, uint64_t off, struct fail *f)
{
    int error = check_range(s, len, off, f);
    if (!error && s->above)
        return s->above->read(s->above, buf, len, off, f);
    for (uint8_t *to = buf; !error && len;) { /* ends: len shrinks */
        bool part;
        size_t n = (size_t)turn(len, off, &part);
        error = part ? part_read(s, to, n, off, f)
                     : sectors_read(s, to, off >> SECTOR_SHIFT, n >> SECTOR_SHIFT, f);
        to += n;
        off += n;
        len -= n;
    }
    return error;
}

static int settle(struct serve *s, struct fail *f)
{
    if (!s->through || !s->leaf)
        return 0;
    pthread_mutex_lock(&s->lock);
    bool pending = s->leaf->ops->pending(s->leaf);
    pthread_mutex_unlock(&s->lock);
    return pending ? serve_flush(s, f) : 0;
}

int serve_write(struct serve *s, const void *buf, size_t len, uint64_t off, struct fail *f)
{
    int error = check_write(s, len, off, f);
    if (!error && s->above)
        return s->above->write(s->above, buf, len, off, f);
    for (const uint8_t *from = buf; !error && len;) { /* ends: len shrinks */
        bool part;
        size_t n = (size_t)turn(len, off, &part);
        error = part ? part_write(s, from, n, off, f)
                     : leaf_write(s, from, off >> SECTOR_SHIFT, n >> SECTOR_SHIFT, false, f);
        from += n;
        off += n;
        len -= n;
    }
    return error ? error : settle(s, f);
}

int serve_zero(struct serve *s, uint64_t len, uint64_t off, bool hole, struct fail *f)
{
    int error = check_write(s, len, off, f);
    if (!error && s->above)
        return s->above->zero(s->above, len, off, f);
    while (!error && len) { /* ends: len shrinks */
        bool part;
        uint64_t n = turn(len, off, &part);
        error = part ? part_write(s, NULL, (size_t)n, off, f)
                     : leaf_zero(s, off >> SECTOR_SHIFT, n >> SECTOR_SHIFT, hole, f);
        off += n;
        len -= n;
    }
    return error ? error : settle(s, f);
}

int serve_trim(struct serve *s, uint64_t len, uint64_t off, struct fail *f)
{
    int error = check_write(s, len, off, f);
    uint64_t end = (off + len) & ~SECTOR_MASK;
    off = (off + SECTOR_MASK) & ~SECTOR_MASK;
    if (error || s->above || off >= end)
        return error;
    error = leaf_trim(s, off >> SECTOR_SHIFT, (end - off) >> SECTOR_SHIFT, f);
    return error ? error : settle(s, f);
}

int serve_flush(struct serve *s, struct fail *f)
{
    if (!s->leaf)
        return 0;
    pthread_mutex_lock(&s->lock);
    s->leaf->quiet = !s->busy;
    int error =
        s->leaf->store->unsure ? store_fail(f, EIO, UNSURE, 0) : s->leaf->ops->flush(s->leaf, f);
    s->leaf->quiet = false;
    s->owes &= error != 0;
    pthread_mutex_unlock(&s->lock);
    return error;
}

bool serve_owes(struct serve *s)
{
    pthread_mutex_lock(&s->lock);
    bool owes = s->owes;
    pthread_mutex_unlock(&s->lock);
    return owes;
}

/* A failure is remembered (store->unsure): the next flush that somebody waits for fails. */
static void flush_owed(void *ctx)
{
    struct fail f;
    if (serve_owes(ctx))
        (void)serve_flush(ctx, &f);
}

int serve_keep(struct serve *s, unsigned seconds, struct fail *f)
{
    if (!s->leaf || s->flusher)
        return 0;
    s->flusher = flusher_start(seconds, flush_owed, s);
    return s->flusher ? 0 : store_fail(f, ENOMEM, "no more threads can be started", 0);
}

int serve_extent(struct serve *s, uint64_t off, uint64_t *len, bool *zero, struct fail *f)
{
    int error = check_range(s, 1, off, f);
    if (error)
        return error;
    if (s->above && s->above->holds(s->above, off, len)) {
        *zero = false;
        return 0;
    }
    uint64_t most = s->above ? *len : UINT64_MAX;
    struct piece piece;
    uint64_t lba = off >> SECTOR_SHIFT;
    pthread_mutex_lock(&s->lock);
    error = piece_find(s, lba, s->sectors - lba, &piece, f);
    pthread_mutex_unlock(&s->lock);
    *len = ((lba + piece.count) << SECTOR_SHIFT) - off;
    if (*len > most)
        *len = most;
    *zero = !piece.store;
    return error;
}

void serve_write_through(struct serve *s)
{
    s->through = true;
}

uint64_t serve_size(const struct serve *s)
{
    return s->sectors << SECTOR_SHIFT;
}

bool serve_writable(const struct serve *s)
{
    return s->leaf || (s->above && !s->above->read_only);
}

enum write_mode serve_write_mode(const struct serve *s)
{
    return s->leaf ? WRITE_PERSISTENT : s->above ? WRITE_DISCARD : WRITE_NONE;
}

const char *serve_kind(const struct serve *s)
{
    return s->kind;
}

/* --- Opening and closing */

static int below_read(void *ctx, void *buf, size_t len, uint64_t off, struct fail *f)
{
    return sectors_read(ctx, buf, off >> SECTOR_SHIFT, len >> SECTOR_SHIFT, f);
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
    return say_fail_advice(f, lock_says(f->sentence) ? LOCK_ADVICE : NULL);
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
