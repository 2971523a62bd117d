/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Takes requests of bytes apart. Two that change parts of one sector go one after the other. */
#include "serve/serve.h"
#include <errno.h>
#include <string.h>
#include "core/base/bounds.h"
#include "serve/above.h"
#include "serve/engine.h"
#include "serve/flusher.h"

#define SECTOR_MASK ((uint64_t)SECTOR_SIZE - 1)
#define PIECE_MAX   ((uint64_t)1 << 30)

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
    int error = engine_read(s, sector, off >> SECTOR_SHIFT, 1, f);
    if (!error)
        memcpy(to, sector + (off & SECTOR_MASK), len);
    return error;
}

static int part_write(struct serve *s, const uint8_t *from, size_t len, uint64_t off,
                      struct fail *f)
{
    uint8_t sector[SECTOR_SIZE];
    pthread_mutex_lock(&s->edge);
    int error = engine_read(s, sector, off >> SECTOR_SHIFT, 1, f);
    if (!error && from)
        memcpy(sector + (off & SECTOR_MASK), from, len);
    else if (!error)
        memset(sector + (off & SECTOR_MASK), 0, len);
    if (!error)
        error = engine_write(s, sector, off >> SECTOR_SHIFT, 1, true, f);
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
                     : engine_read(s, to, off >> SECTOR_SHIFT, n >> SECTOR_SHIFT, f);
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
                     : engine_write(s, from, off >> SECTOR_SHIFT, n >> SECTOR_SHIFT, false, f);
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
                     : engine_zero(s, off >> SECTOR_SHIFT, n >> SECTOR_SHIFT, hole, f);
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
    error = engine_trim(s, off >> SECTOR_SHIFT, (end - off) >> SECTOR_SHIFT, f);
    return error ? error : settle(s, f);
}

int serve_flush(struct serve *s, struct fail *f)
{
    if (!s->leaf)
        return 0;
    pthread_mutex_lock(&s->lock);
    s->leaf->quiet = !s->busy;
    int error = s->leaf->store->unsure ? store_fail(f, EIO, ENGINE_UNSURE, 0)
                                       : s->leaf->ops->flush(s->leaf, f);
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

bool serve_room(struct serve *s, uint64_t *left)
{
    *left = 0;
    if (!s->leaf)
        return false;
    pthread_mutex_lock(&s->lock);
    bool limited = s->leaf->ops->room(s->leaf, left);
    pthread_mutex_unlock(&s->lock);
    return limited;
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
    error = engine_find(s, lba, s->sectors - lba, &piece, f);
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
