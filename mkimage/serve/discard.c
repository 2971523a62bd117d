/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Byte n of the disk is byte n of the file, in pages that are there whole or not at all. */
#include "serve/discard.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "host/device.h"
#include "serve/store.h"
#include "serve/table.h"

#define PAGE_SHIFT 12
#define PAGE       ((size_t)1 << PAGE_SHIFT)
#define LOOK       (1u << 20) /* pages that one question looks at */

struct discard {
    struct above above;   /* first: it is what others know */
    pthread_mutex_t lock; /* of `held` and of the making of pages */
    struct store *store;
    struct table held; /* a bit a page */
    uint64_t size;
};

static bool discard_holds(struct above *a, uint64_t off, uint64_t *len)
{
    struct discard *d = (struct discard *)a;
    pthread_mutex_lock(&d->lock);
    uint64_t page = off >> PAGE_SHIFT, pages = (d->size + PAGE - 1) >> PAGE_SHIFT;
    bool held = table_bit(&d->held, page);
    uint64_t next = page + 1;
    while (next < pages && next - page < LOOK && table_bit(&d->held, next) == held)
        next++;
    pthread_mutex_unlock(&d->lock);
    uint64_t end = next << PAGE_SHIFT < d->size ? next << PAGE_SHIFT : d->size;
    *len = end - off;
    return held;
}

static int discard_read(struct above *a, void *buf, size_t len, uint64_t off, struct fail *f)
{
    struct discard *d = (struct discard *)a;
    for (uint8_t *to = buf; len;) { /* ends: len shrinks */
        uint64_t run;
        bool held = discard_holds(a, off, &run);
        size_t n = run < len ? (size_t)run : len;
        int error;
        if (held) {
            error = store_fail(f, d->store->read(d->store, to, n, off),
                               "byte %u of the changes could not be read", off);
        } else if ((off | n) & 511) { /* a part of a sector: by its page */
            uint8_t page[PAGE];
            uint64_t start = off >> PAGE_SHIFT << PAGE_SHIFT;
            size_t whole = d->size - start < PAGE ? (size_t)(d->size - start) : PAGE;
            if (n > start + whole - off)
                n = (size_t)(start + whole - off);
            error = d->above.below(d->above.below_ctx, page, whole, start, f);
            memcpy(to, page + (off - start), n);
        } else {
            error = d->above.below(d->above.below_ctx, to, n, off, f);
        }
        if (error)
            return error;
        to += n;
        off += n;
        len -= n;
    }
    return 0;
}

/* Makes the page one that is held, with what lies below. */
static int page_make(struct discard *d, uint64_t page, struct fail *f)
{
    uint8_t data[PAGE] = {0};
    uint64_t start = page << PAGE_SHIFT;
    size_t whole = d->size - start < PAGE ? (size_t)(d->size - start) : PAGE;
    int error = d->above.below(d->above.below_ctx, data, whole, start, f);
    if (error)
        return error;
    error = d->store->write(d->store, data, PAGE, start);
    return store_fail(f, error, "byte %u of the changes could not be written", start);
}

/* Writes, or zeros where `from` is NULL; pages that are only partly meant are made first. */
static int change(struct discard *d, const uint8_t *from, uint64_t len, uint64_t off,
                  struct fail *f)
{
    uint64_t first = off >> PAGE_SHIFT, last = (off + len - 1) >> PAGE_SHIFT;
    int error = 0;
    if (off & (PAGE - 1) && !table_bit(&d->held, first))
        error = page_make(d, first, f);
    bool end_part = (off + len) & (PAGE - 1);
    if (!error && end_part && !table_bit(&d->held, last) && !(last == first && off & (PAGE - 1)))
        error = page_make(d, last, f);
    if (error)
        return error;
    error = from ? d->store->write(d->store, from, (size_t)len, off)
                 : d->store->zero(d->store, len, off, true);
    for (uint64_t page = first; !error && page <= last; page++)
        table_bit_set(&d->held, page);
    return store_fail(f, error, "byte %u of the changes could not be written", off);
}

static int discard_write(struct above *a, const void *buf, size_t len, uint64_t off, struct fail *f)
{
    struct discard *d = (struct discard *)a;
    pthread_mutex_lock(&d->lock);
    int error = len ? change(d, buf, len, off, f) : 0;
    pthread_mutex_unlock(&d->lock);
    return error;
}

static int discard_zero(struct above *a, uint64_t len, uint64_t off, struct fail *f)
{
    struct discard *d = (struct discard *)a;
    pthread_mutex_lock(&d->lock);
    int error = len ? change(d, NULL, len, off, f) : 0;
    pthread_mutex_unlock(&d->lock);
    return error;
}

static void discard_close(struct above *a)
{
    struct discard *d = (struct discard *)a;
    store_close(d->store);
    table_close(&d->held);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

struct above *discard_open(uint64_t size, struct fail *f)
{
    const char *folder = getenv("TMPDIR");
    int fd = open(folder ? folder : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    struct discard *d = fd >= 0 ? calloc(1, sizeof *d) : NULL;
    uint64_t pages = (size + PAGE - 1) >> PAGE_SHIFT;
    if (d && !ftruncate(fd, (off_t)(pages << PAGE_SHIFT)) &&
        (d->store = store_host(fd, pages << PAGE_SHIFT)) && table_open(&d->held, pages / 8 + 1)) {
        pthread_mutex_init(&d->lock, NULL);
        d->size = size;
        d->above = (struct above){.read = discard_read,
                                  .write = discard_write,
                                  .zero = discard_zero,
                                  .holds = discard_holds,
                                  .close = discard_close};
        return &d->above;
    }
    (void)fail(f, ERR_WRITE, "there is no place for changes that are not kept; TMPDIR names one",
               0);
    if (fd >= 0 && !(d && d->store))
        close(fd);
    if (d && d->store)
        store_close(d->store);
    free(d);
    return NULL;
}
