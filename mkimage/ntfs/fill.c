/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The content of placed files, straight to their clusters on the device. */
#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include "cli/progress.h"
#include "cli/say.h"
#include "core/base/bits.h"
#include "host/device.h"
#include "host/summing.h"
#include "ntfs/place.h"
#include "ntfs/volume.h"

#define CHUNK ((uint64_t)4 << 20)
#define ZEROS ((uint64_t)64 << 20) /* no data to carry, but the kernel may have to write them */

/* Where a file lies: walks its pieces as bytes of the device, front to back. */
struct cursor {
    const struct volume *v;
    const struct placement *p;
    uint32_t piece;
    uint64_t used; /* bytes of it that are behind */
};

/* The next bytes of the device, at most `want` of them; returns how many. */
static uint64_t cursor_take(struct cursor *c, uint64_t want, uint64_t *off)
{
    const struct piece *piece = &c->p->piece[c->piece];
    uint64_t bytes = piece->count * c->v->cluster_size;
    uint64_t n = bytes - c->used < want ? bytes - c->used : want;
    *off = c->v->start + piece->lcn * c->v->cluster_size + c->used;
    c->used += n;
    if (c->used == bytes) {
        c->piece++;
        c->used = 0;
    }
    return n;
}

static bool cursor_at_end(const struct cursor *c)
{
    return c->piece == c->p->count;
}

/* Where the file system can, the two files share the blocks; false where it cannot. */
static bool share(struct device *device, const struct place_content *content, uint64_t from,
                  uint64_t to, uint64_t size)
{
    struct file_clone_range range = {content->fd, from, size, to};
    return content->same >= size && from <= content->same - size && !device->overlay &&
           !device->is_block && !ioctl(device->fd, FICLONERANGE, &range);
}

/* Of what is shared, as it is there. */
static enum status sum_there(struct device *device, uint64_t off, uint64_t size,
                             struct summing *sum)
{
    while (size) {
        size_t n = size < SUMMING_PIECE ? (size_t)size : SUMMING_PIECE;
        if (!device_pread(device, summing_buffer(sum), n, off))
            return device_read_failed(device);
        summing_add(sum, n);
        off += n;
        size -= n;
    }
    return STATUS_OK;
}

/* Measurably faster than copy_file_range, where the file system cannot share blocks. */
static enum status copy(struct device *device, const struct place_content *content, uint64_t from,
                        uint64_t to, uint64_t size, struct summing *sum)
{
    static uint8_t own[SUMMING_PIECE];
    while (size) {
        uint8_t *buffer = sum ? summing_buffer(sum) : own;
        size_t n = size < SUMMING_PIECE ? (size_t)size : SUMMING_PIECE;
        if (content->read(content->ctx, from, buffer, (uint32_t)n))
            return STATUS_FAILED;
        if (sum)
            summing_add(sum, n);
        if (!(content->looks && bytes_are(buffer, n, 0) ? device_zero(device, to, n)
                                                        : device_pwrite(device, buffer, n, to)))
            return device_write_failed(device);
        from += n;
        to += n;
        size -= n;
    }
    return STATUS_OK;
}

/* Zeros to the next places of the cursor, for a hole. */
static enum status fill_hole(struct cursor *c, uint64_t size, struct summing *sum)
{
    while (size) {
        uint64_t to;
        uint64_t n = cursor_take(c, size < ZEROS ? size : ZEROS, &to);
        if (!device_zero(c->v->device, to, n))
            return device_write_failed(c->v->device);
        if (sum)
            summing_zeros(sum, n);
        progress_add(n);
        size -= n;
    }
    return STATUS_OK;
}

/* The content's [from, from + size) to the next places of the cursor. */
static enum status fill_data(struct cursor *c, const struct place_content *content, uint64_t from,
                             uint64_t size, struct summing *sum)
{
    struct device *device = c->v->device;
    enum status status = STATUS_OK;
    while (!status && size) {
        uint64_t to;
        uint64_t n = cursor_take(c, size < CHUNK ? size : CHUNK, &to);
        if (!share(device, content, from, to, n))
            status = copy(device, content, from, to, n, sum);
        else if (sum)
            status = sum_there(device, to, n, sum);
        progress_add(n);
        from += n;
        size -= n;
    }
    return status;
}

/* The rest of the clusters. */
static bool fill_tail(struct cursor *c)
{
    while (!cursor_at_end(c)) {
        uint64_t to;
        uint64_t n = cursor_take(c, ZEROS, &to);
        if (!device_zero(c->v->device, to, n))
            return false;
        progress_add(n);
    }
    return true;
}

enum status place_fill(struct volume *v, const struct placement *p,
                       const struct place_content *content, struct summing *sum)
{
    struct cursor c = {.v = v, .p = p};
    enum status status = STATUS_OK;
    for (uint64_t off = 0, data, end; !status && off < content->size; off = end) { /* ends: grows */
        content->extent(content->ctx, off, &data, &end);
        status = fill_hole(&c, data - off, sum);
        if (!status)
            status = fill_data(&c, content, data, end - data, sum);
    }
    if (status)
        return status;
    return fill_tail(&c) ? STATUS_OK : device_write_failed(v->device);
}

/* Goes on to byte `off` of the file. */
static void cursor_skip(struct cursor *c, uint64_t off)
{
    while (off && !cursor_at_end(c)) { /* ends: off shrinks */
        uint64_t ignored;
        off -= cursor_take(c, off, &ignored);
    }
}

enum status place_write(struct volume *v, const struct placement *p, uint64_t off, const void *data,
                        uint64_t size)
{
    struct cursor c = {.v = v, .p = p};
    const uint8_t *from = data;
    bool ok = true;
    cursor_skip(&c, off);
    while (ok && size && !cursor_at_end(&c)) { /* ends: size shrinks */
        uint64_t to;
        uint64_t n = cursor_take(&c, size < ZEROS ? size : ZEROS, &to);
        ok = from ? device_pwrite(v->device, from, (size_t)n, to) : device_zero(v->device, to, n);
        from += from ? n : 0;
        size -= n;
        progress_add(n);
    }
    if (ok && size) {
        errno = ENOSPC;
        ok = false;
    }
    return ok ? STATUS_OK : device_write_failed(v->device);
}

enum status place_fill_memory(struct volume *v, const struct placement *p, const void *data,
                              size_t size)
{
    struct cursor c = {.v = v, .p = p};
    const uint8_t *from = data;
    bool ok = true;
    while (ok && size) {
        uint64_t to;
        size_t n = (size_t)cursor_take(&c, size, &to);
        ok = device_pwrite(v->device, from, n, to);
        from += n;
        size -= n;
    }
    return ok && fill_tail(&c) ? STATUS_OK : device_write_failed(v->device);
}
