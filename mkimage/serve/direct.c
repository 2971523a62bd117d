/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything goes past the cache, or nothing: a sector written through it beside one that is
 * written past it would bring the old content of the second one back with its page.
 */
#include "serve/direct.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "core/base/bounds.h"
#include "host/fd.h"

#define BUFFERS     4 /* as many requests as go by them at once; others wait */
#define BUFFER      ((size_t)256 << 10)
#define SECTOR_MASK ((uint64_t)SECTOR_SIZE - 1)

struct direct {
    int fd;
    uint8_t *memory; /* BUFFERS of BUFFER */
    bool used[BUFFERS];
    pthread_mutex_t lock;
    pthread_cond_t freed;
};

/* Does a single sector, on a place of a sector, go? */
static bool sectors_go(int fd, uint8_t *memory)
{
    ssize_t n = pread(fd, memory, SECTOR_SIZE, SECTOR_SIZE);
    return n >= 0 || errno != EINVAL;
}

struct direct *direct_open(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_DIRECT))
        return NULL;
    struct direct *d = calloc(1, sizeof *d);
    uint8_t *memory = mmap(NULL, BUFFERS * BUFFER, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    errno = ENOMEM;
    if (d && memory != MAP_FAILED && sectors_go(fd, memory)) {
        d->fd = fd;
        d->memory = memory;
        pthread_mutex_init(&d->lock, NULL);
        pthread_cond_init(&d->freed, NULL);
        return d;
    }
    int error = errno;
    (void)fcntl(fd, F_SETFL, flags);
    if (memory != MAP_FAILED)
        munmap(memory, BUFFERS * BUFFER);
    free(d);
    errno = error;
    return NULL;
}

void direct_close(struct direct *d)
{
    if (!d)
        return;
    munmap(d->memory, BUFFERS * BUFFER);
    pthread_mutex_destroy(&d->lock);
    pthread_cond_destroy(&d->freed);
    free(d);
}

static unsigned buffer_take(struct direct *d)
{
    pthread_mutex_lock(&d->lock);
    for (;;) { /* ends: whoever has a buffer gives it back */
        for (unsigned i = 0; i < BUFFERS; i++) {
            if (d->used[i])
                continue;
            d->used[i] = true;
            pthread_mutex_unlock(&d->lock);
            return i;
        }
        pthread_cond_wait(&d->freed, &d->lock);
    }
}

static void buffer_give(struct direct *d, unsigned i)
{
    pthread_mutex_lock(&d->lock);
    d->used[i] = false;
    pthread_cond_signal(&d->freed);
    pthread_mutex_unlock(&d->lock);
}

static bool fits(const void *buf, size_t len, uint64_t off)
{
    return !(((uintptr_t)buf | len | off) & SECTOR_MASK);
}

/* At least so many of `most` bytes: a file may end inside of a sector. */
static int read_some(int fd, uint8_t *to, size_t least, size_t most, uint64_t off)
{
    for (size_t got = 0; got < least;) { /* ends: got grows, unless signals come for ever */
        ssize_t n = pread(fd, to + got, most - got, (off_t)(off + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? errno : EIO;
        got += (size_t)n;
    }
    return 0;
}

int direct_read(struct direct *d, void *buf, size_t len, uint64_t off)
{
    if (fits(buf, len, off))
        return fd_pread(d->fd, buf, len, off) ? 0 : errno;
    unsigned i = buffer_take(d);
    uint8_t *bounce = d->memory + i * BUFFER, *to = buf;
    int error = 0;
    while (!error && len) { /* ends: len shrinks */
        size_t in = (size_t)(off & SECTOR_MASK);
        size_t n = len < BUFFER - in ? len : BUFFER - in;
        size_t whole = (in + n + SECTOR_MASK) & ~(size_t)SECTOR_MASK;
        error = read_some(d->fd, bounce, in + n, whole, off - in);
        if (!error)
            memcpy(to, bounce + in, n);
        to += n;
        off += n;
        len -= n;
    }
    buffer_give(d, i);
    return error;
}

int direct_write(struct direct *d, const void *buf, size_t len, uint64_t off)
{
    if (fits(buf, len, off))
        return fd_pwrite(d->fd, buf, len, off) ? 0 : errno;
    if ((len | off) & SECTOR_MASK)
        return EINVAL;
    unsigned i = buffer_take(d);
    uint8_t *bounce = d->memory + i * BUFFER;
    const uint8_t *from = buf;
    int error = 0;
    while (!error && len) { /* ends: len shrinks */
        size_t n = len < BUFFER ? len : BUFFER;
        memcpy(bounce, from, n);
        error = fd_pwrite(d->fd, bounce, n, off) ? 0 : errno;
        from += n;
        off += n;
        len -= n;
    }
    buffer_give(d, i);
    return error;
}
