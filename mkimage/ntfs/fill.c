/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The content of placed files, straight to their clusters on the device. */
#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/progress.h"
#include "cli/say.h"
#include "core/base/bits.h"
#include "core/base/file.h"
#include "host/device.h"
#include "host/fd.h"
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

/* Small enough to stay in the processor's cache between reading and writing: measurably faster than
 * a megabyte, and than copy_file_range, where the file system cannot share blocks. */
#define BUFFER (256u << 10)

/* Where the file system can, the two files share the blocks; false where it cannot. */
static bool share(struct device *device, int fd, uint64_t from, uint64_t to, uint64_t size)
{
    struct file_clone_range range = {fd, from, size, to};
    return !device->overlay && !device->is_block && !ioctl(device->fd, FICLONERANGE, &range);
}

static enum status source_failed(const char *name)
{
    return say_error("Its drive may be failing, or it became shorter: look after it, then run this "
                     "again.",
                     "%s: cannot be read: %s", name, strerror(errno));
}

static enum status copy(struct device *device, int fd, const char *name, uint64_t from, uint64_t to,
                        uint64_t size)
{
    static uint8_t buffer[BUFFER];
    while (size) {
        size_t n = size < sizeof buffer ? (size_t)size : sizeof buffer;
        if (!fd_pread(fd, buffer, n, from))
            return source_failed(name);
        if (!device_pwrite(device, buffer, n, to))
            return device_write_failed(device);
        from += n;
        to += n;
        size -= n;
    }
    return STATUS_OK;
}

/* Zeros to the next places of the cursor, for a hole of the source. */
static bool fill_hole(struct cursor *c, uint64_t size)
{
    while (size) {
        uint64_t to;
        uint64_t n = cursor_take(c, size, &to);
        if (!device_zero(c->v->device, to, n))
            return false;
        progress_add(n);
        size -= n;
    }
    return true;
}

/* The source's [from, from + size) to the next places of the cursor. */
static enum status fill_data(struct cursor *c, int fd, const char *name, uint64_t from,
                             uint64_t size)
{
    enum status status = STATUS_OK;
    while (!status && size) {
        uint64_t to;
        uint64_t n = cursor_take(c, size < CHUNK ? size : CHUNK, &to);
        if (!share(c->v->device, fd, from, to, n))
            status = copy(c->v->device, fd, name, from, to, n);
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

enum status place_fill(struct volume *v, const struct placement *p, int fd, const char *name,
                       uint64_t size)
{
    struct cursor c = {.v = v, .p = p};
    uint64_t off = 0;
    while (off < size) { /* ends: off grows by every segment */
        off_t data = lseek(fd, (off_t)off, SEEK_DATA);
        bool no_holes = data < 0 && errno != ENXIO;
        uint64_t next = no_holes ? off : data < 0 || (uint64_t)data > size ? size : (uint64_t)data;
        if (next > off) {
            if (!fill_hole(&c, next - off))
                return device_write_failed(v->device);
            off = next;
            continue;
        }
        off_t hole = no_holes ? -1 : lseek(fd, (off_t)off, SEEK_HOLE);
        next = hole <= (off_t)off || (uint64_t)hole > size ? size : (uint64_t)hole;
        if (fill_data(&c, fd, name, off, next - off))
            return STATUS_FAILED;
        off = next;
    }
    struct stat st;
    if (fstat(fd, &st) || (uint64_t)st.st_size < size) { /* what is gone would look like a hole */
        errno = EIO;
        return source_failed(name);
    }
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

enum status place_fill_file(struct volume *v, const struct placement *p, struct file *file)
{
    static uint8_t buffer[BUFFER];
    struct cursor c = {.v = v, .p = p};
    for (uint64_t off = 0; off < file->size;) { /* ends: off grows by every round */
        uint64_t to;
        uint64_t left = file->size - off;
        size_t n = (size_t)cursor_take(&c, left < sizeof buffer ? left : sizeof buffer, &to);
        struct fail f;
        if (file_read(file, off, buffer, (uint32_t)n, &f)) {
            (void)fail_subject(&f, file->path);
            return say_fail(&f);
        }
        if (!(bytes_are(buffer, n, 0) ? device_zero(v->device, to, n)
                                      : device_pwrite(v->device, buffer, n, to)))
            return device_write_failed(v->device);
        progress_add(n);
        off += n;
    }
    return fill_tail(&c) ? STATUS_OK : device_write_failed(v->device);
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
