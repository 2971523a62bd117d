/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables are asked and told under the lock, the data move between the two. */
#include "serve/engine.h"
#include <errno.h>
#include <string.h>
#include "core/base/bounds.h"

#define READ_FAILED  "byte %u of the disk could not be read"
#define WRITE_FAILED "byte %u of the disk could not be written"

int engine_find(struct serve *s, uint64_t lba, uint64_t count, struct piece *piece, struct fail *f)
{
    if (!s->leaf)
        return lower_find(s->layer + s->first, s->layers - s->first, lba, count, piece, f);
    struct leaf_run run;
    int error = s->leaf->ops->find(s->leaf, lba, count, &run, f);
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

int engine_read(struct serve *s, uint8_t *to, uint64_t lba, uint64_t count, struct fail *f)
{
    while (count) { /* ends: a piece has at least one sector */
        struct piece piece;
        pthread_mutex_lock(&s->lock);
        int error = engine_find(s, lba, count, &piece, f);
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
        if (error) {
            (void)fail(f, ERR_READ, READ_FAILED, lba << SECTOR_SHIFT);
            return error;
        }
        to += bytes;
        lba += piece.count;
        count -= piece.count;
    }
    return 0;
}

int engine_write(struct serve *s, const uint8_t *from, uint64_t lba, uint64_t count, bool hole,
                 struct fail *f)
{
    struct leaf *leaf = s->leaf;
    while (count) { /* ends: place() gives at least one sector */
        uint64_t n = count, offset = 0;
        pthread_mutex_lock(&s->lock);
        int error = s->leaf->store->unsure ? store_fail(f, EIO, ENGINE_UNSURE, 0)
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

int engine_zero(struct serve *s, uint64_t lba, uint64_t count, bool hole, struct fail *f)
{
    while (count) { /* ends: count shrinks */
        uint64_t done = 0;
        pthread_mutex_lock(&s->lock);
        int error = s->leaf->store->unsure ? store_fail(f, EIO, ENGINE_UNSURE, 0)
                                           : s->leaf->ops->erase(s->leaf, lba, count, &done, f);
        s->owes = true;
        pthread_mutex_unlock(&s->lock);
        if (!error && !done) {
            /* One block at a time: the next one may be whole. */
            uint64_t block = (uint64_t)s->layer[0].image->block_size >> SECTOR_SHIFT;
            uint64_t left = block ? block - (lba & (block - 1)) : count;
            done = count < left ? count : left;
            error = engine_write(s, NULL, lba, done, hole, f);
        }
        if (error)
            return error;
        lba += done;
        count -= done;
    }
    return 0;
}

int engine_trim(struct serve *s, uint64_t lba, uint64_t count, struct fail *f)
{
    struct leaf *leaf = s->leaf;
    while (count) { /* ends: count shrinks */
        uint64_t done = 0;
        struct leaf_run run = {0};
        pthread_mutex_lock(&s->lock);
        int error = s->leaf->store->unsure ? store_fail(f, EIO, ENGINE_UNSURE, 0)
                                           : leaf->ops->erase(leaf, lba, count, &done, f);
        s->owes = true;
        if (!error && !done)
            error = leaf->ops->find(leaf, lba, count, &run, f);
        pthread_mutex_unlock(&s->lock);
        if (!error && !done) {
            done = run.count < count ? run.count : count;
            if (run.state == IMAGE_DATA)
                error = engine_write(s, NULL, lba, done, true, f);
        }
        if (error)
            return error;
        lba += done;
        count -= done;
    }
    return 0;
}
