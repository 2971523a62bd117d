/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file of the host, or clusters of a volume: both by pread and pwrite, never beyond their end. */
#include "serve/store.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "host/fd.h"
#include "serve/direct.h"

#define PIECE ((size_t)1 << 16)
#define SEND  ((size_t)8 << 20) /* large enough for a drive to write in one go */

static uint8_t zeros[PIECE]; /* never written; not const, so that no program carries it */

/* What both are; the engine's `ctx`. */
struct bytes {
    struct store store;
    int fd;
    struct direct *direct;          /* NULL: through the page cache */
    const struct extent_list *list; /* of a volume */
    bool hasten;
    size_t unsent; /* bytes, since the kernel was last told to begin */
};

static bool bytes_read(const struct bytes *b, void *buf, size_t len, uint64_t off)
{
    if (!b->direct)
        return fd_pread(b->fd, buf, len, off);
    errno = direct_read(b->direct, buf, len, off);
    return !errno;
}

static bool bytes_write(const struct bytes *b, const void *buf, size_t len, uint64_t off)
{
    if (!b->direct)
        return fd_pwrite(b->fd, buf, len, off);
    errno = direct_write(b->direct, buf, len, off);
    return !errno;
}

int store_direct(struct store *s)
{
    struct bytes *b = s->ctx;
    b->direct = direct_open(b->fd);
    return b->direct ? 0 : errno;
}

void store_hasten(struct store *s)
{
    struct bytes *b = s->ctx;
    b->hasten = true;
}

static int bytes_sync(struct store *s)
{
    const struct bytes *b = s->ctx;
    return fdatasync(b->fd) ? errno : 0;
}

static void bytes_close(struct store *s)
{
    struct bytes *b = s->ctx;
    direct_close(b->direct);
    close(b->fd);
    free(b);
}

const char store_full[] = "no space is left on the file system that it lies on";
const char store_long[] = "the file cannot become that long";

int store_fail(struct fail *f, int error, const char *sentence, uint64_t value)
{
    bool full = error == ENOSPC || error == EDQUOT;
    return store_refuse(f, error,
                        full             ? store_full
                        : error == EFBIG ? store_long
                                         : sentence,
                        value);
}

int store_refuse(struct fail *f, int error, const char *sentence, uint64_t value)
{
    if (error)
        (void)fail(f, error == ENOMEM ? ERR_MEMORY : ERR_WRITE, sentence, value);
    return error;
}

void store_close(struct store *s)
{
    if (s)
        s->close(s);
}

int store_sync(struct store *s)
{
    int error = s->sync(s);
    s->unsure |= error != 0;
    return error;
}

static int write_zeros(struct store *s, uint64_t len, uint64_t off)
{
    while (len) { /* ends: len shrinks */
        size_t n = len < PIECE ? (size_t)len : PIECE;
        int error = s->write(s, zeros, n, off);
        if (error)
            return error;
        off += n;
        len -= n;
    }
    return 0;
}

/* --- A file of the host */

/* The size is looked at by threads that move data while another one makes the file longer. */
static uint64_t host_size(const struct store *s)
{
    return __atomic_load_n(&s->size, __ATOMIC_ACQUIRE);
}

static int host_read(struct store *s, void *buf, size_t len, uint64_t off)
{
    const struct bytes *h = s->ctx;
    return !range_ok(off, len, host_size(s)) ? EIO : bytes_read(h, buf, len, off) ? 0 : errno;
}

static int host_write(struct store *s, const void *buf, size_t len, uint64_t off)
{
    struct bytes *h = s->ctx;
    if (!bytes_write(h, buf, len, off))
        return errno;
    if (h->hasten && (h->unsent += len) >= SEND) { /* a failure is the next sync's */
        (void)sync_file_range(h->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
        h->unsent = 0;
    }
    if (off + len > host_size(s))
        __atomic_store_n(&s->size, off + len, __ATOMIC_RELEASE);
    return 0;
}

static int host_zero(struct store *s, uint64_t len, uint64_t off, bool hole)
{
    const struct bytes *h = s->ctx;
    if (!len)
        return 0;
    int mode = hole ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
    if (!fallocate(h->fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len))
        return 0;
    if (errno != EOPNOTSUPP && errno != ENOSYS)
        return errno;
    return write_zeros(s, len, off);
}

static int host_resize(struct store *s, uint64_t size)
{
    const struct bytes *h = s->ctx;
    if (ftruncate(h->fd, (off_t)size))
        return errno;
    __atomic_store_n(&s->size, size, __ATOMIC_RELEASE);
    return 0;
}

struct store *store_host(int fd, uint64_t size)
{
    struct bytes *h = malloc(sizeof *h);
    if (!h)
        return NULL;
    *h = (struct bytes){.store = {.size = size,
                                  .holes = true,
                                  .grows = true,
                                  .ctx = h,
                                  .read = host_read,
                                  .write = host_write,
                                  .zero = host_zero,
                                  .sync = bytes_sync,
                                  .resize = host_resize,
                                  .close = bytes_close},
                        .fd = fd};
    return &h->store;
}

/* --- A file on a volume */

/* The drive's bytes behind [off, off + *len) of the file, as far as they lie in one piece; `*at` is
 * UINT64_MAX for a hole. */
static bool volume_place(const struct bytes *v, uint64_t off, size_t *len, uint64_t *at)
{
    const struct extent *e = extent_find(v->list, off >> SECTOR_SHIFT);
    if (!e || !range_ok(off, *len, v->store.size))
        return false;
    uint64_t in = off - (e->file_sector << SECTOR_SHIFT);
    uint64_t left = (e->count << SECTOR_SHIFT) - in;
    if (*len > left)
        *len = (size_t)left;
    *at = e->drive_lba == EXTENT_HOLE ? UINT64_MAX : (e->drive_lba << SECTOR_SHIFT) + in;
    return true;
}

static int volume_read(struct store *s, void *buf, size_t len, uint64_t off)
{
    const struct bytes *v = s->ctx;
    for (uint8_t *to = buf; len;) { /* ends: len shrinks */
        size_t n = len;
        uint64_t at;
        if (!volume_place(v, off, &n, &at))
            return EIO;
        if (at == UINT64_MAX)
            memset(to, 0, n);
        else if (!bytes_read(v, to, n, at))
            return errno;
        to += n;
        off += n;
        len -= n;
    }
    return 0;
}

static int volume_write(struct store *s, const void *buf, size_t len, uint64_t off)
{
    const struct bytes *v = s->ctx;
    for (const uint8_t *from = buf; len;) { /* ends: len shrinks */
        size_t n = len;
        uint64_t at;
        if (!volume_place(v, off, &n, &at) || at == UINT64_MAX)
            return EIO;
        if (!bytes_write(v, from, n, at))
            return errno;
        from += n;
        off += n;
        len -= n;
    }
    return 0;
}

/* Looks before it writes: space that was set aside for new blocks is nearly always zeros. */
static int volume_zero(struct store *s, uint64_t len, uint64_t off, bool hole)
{
    (void)hole;
    uint8_t held[PIECE];
    while (len) { /* ends: len shrinks */
        size_t n = len < PIECE ? (size_t)len : PIECE;
        int error = volume_read(s, held, n, off);
        if (!error && !bytes_are(held, n, 0))
            error = volume_write(s, zeros, n, off);
        if (error)
            return error;
        off += n;
        len -= n;
    }
    return 0;
}

static int volume_resize(struct store *s, uint64_t size)
{
    return size == s->size ? 0 : EFBIG;
}

struct store *store_volume(int fd, uint64_t size, const struct extent_list *list)
{
    struct bytes *v = malloc(sizeof *v);
    if (!v)
        return NULL;
    *v = (struct bytes){.store = {.size = size,
                                  .ctx = v,
                                  .read = volume_read,
                                  .write = volume_write,
                                  .zero = volume_zero,
                                  .sync = bytes_sync,
                                  .resize = volume_resize,
                                  .close = bytes_close},
                        .fd = fd,
                        .list = list};
    return &v->store;
}
