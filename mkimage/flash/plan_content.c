/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bytes of a planned image on its way to the flash. What is here is the content alone: where it
 * goes is the caller's. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "cli/progress.h"
#include "core/base/bits.h"
#include "core/base/file.h"
#include "core/vhd/format.h"
#include "flash/plan.h"
#include "host/fd.h"

#define BUFFER (256u << 10)

/* A copy that is being made, and where it goes. */
struct fill {
    struct volume *volume;
    const struct flash_image *image;
    const struct placement *placement;
};

static enum status read_source(const struct flash_image *image, uint64_t off, void *buf,
                               uint32_t n);

/* Reads from the source, writes to the copy. */
static bool fill_io(void *ctx, uint64_t off, void *buf, size_t size, bool write)
{
    const struct fill *fill = ctx;
    return write ? !place_write(fill->volume, fill->placement, off, buf, size)
                 : !read_source(fill->image, off, buf, (uint32_t)size);
}

enum status flash_image_fill(struct volume *v, const struct flash_image *image,
                             const struct placement *p)
{
    static const uint8_t zeros[sizeof(struct slack_tail)];
    const struct slack *s = &image->slack;
    uint64_t size = flash_image_size(image), old_size, old = slack_old_tail(s, &old_size);
    struct fill fill = {v, image, p};
    struct slack_tail tail;
    struct file file = image->file;
    enum status status = image->origin ? place_fill_file(v, p, &file)
                                       : place_fill(v, p, image->fd, image->source, image->size);
    if (status || !image->slots)
        return status;
    if (old_size)
        status = place_write(v, p, old, zeros, old_size);
    if (!status && !slack_bitmaps_link(s, fill_io, &fill))
        status = STATUS_FAILED; /* what failed has said so */
    if (status)
        return status;
    slack_tail_make(&tail, s, s->zero_from, size);
    return place_write(v, p, size - slack_tail_size(s), &tail, slack_tail_size(s));
}

/* A part of the source as it is. */
static enum status read_source(const struct flash_image *image, uint64_t off, void *buf, uint32_t n)
{
    struct fail f;
    struct file file = image->file;
    if (image->origin) {
        if (!file_read(&file, off, buf, n, &f))
            return STATUS_OK;
        (void)fail_subject(&f, image->source);
        return say_fail(&f);
    }
    if (fd_pread(image->fd, buf, n, off))
        return STATUS_OK;
    return say_error("Its drive may be failing: look after it, then run this again.",
                     "%s: cannot be read", image->source);
}

static enum status read_there(struct file *file, uint64_t off, void *buf, uint32_t n)
{
    struct fail f;
    if (!file_read(file, off, buf, n, &f))
        return STATUS_OK;
    (void)fail_subject(&f, file->path);
    return say_fail(&f);
}

/* The next byte that is not in a hole, and where the data end that begin there. */
static void next_data(const struct flash_image *image, uint64_t off, uint64_t end, uint64_t *data,
                      uint64_t *hole)
{
    *data = off;
    *hole = end;
    if (image->origin)
        return;
    off_t at = lseek(image->fd, (off_t)off, SEEK_DATA);
    if (at < 0 && errno == ENXIO)
        *data = end;
    else if (at >= 0)
        *data = (uint64_t)at < end ? (uint64_t)at : end;
    at = lseek(image->fd, (off_t)*data, SEEK_HOLE);
    if (at > (off_t)*data && (uint64_t)at < end)
        *hole = (uint64_t)at;
}

enum status flash_image_sum(const struct flash_image *image, uint8_t digest[SHA256_SIZE])
{
    static uint8_t buffer[BUFFER];
    const struct slack *s = &image->slack;
    uint64_t body = image->slots ? s->now.limit : image->size, data, hole;
    struct sha256 sum;
    enum status status = STATUS_OK;
    sha256_start(&sum);
    for (uint64_t off = 0; !status && off < body;) { /* ends: off grows */
        next_data(image, off, body, &data, &hole);
        sha256_add_zeros(&sum, data - off);
        progress_add(data - off);
        for (off = data; !status && off < hole;) {
            uint32_t n = hole - off < BUFFER ? (uint32_t)(hole - off) : BUFFER;
            status = read_source(image, off, buffer, n);
            sha256_add(&sum, buffer, n);
            progress_add(n);
            off += n;
        }
    }
    if (image->slots) {
        sha256_add_zeros(&sum, flash_image_size(image) - sizeof s->footer - body);
        sha256_add(&sum, s->footer, sizeof s->footer);
    }
    sha256_end(&sum, digest);
    return status;
}

/* Is the file the same from `from` to `to`, or, with `zeros`, zero there? */
static enum status compare(const struct flash_image *image, struct file *file, uint64_t from,
                           uint64_t to, bool zeros, bool *same)
{
    static uint8_t mine[BUFFER], there[BUFFER];
    enum status status = STATUS_OK;
    while (!status && *same && from < to) { /* ends: from grows */
        uint32_t n = to - from < BUFFER ? (uint32_t)(to - from) : BUFFER;
        status = read_there(file, from, there, n);
        if (!status && !zeros)
            status = read_source(image, from, mine, n);
        if (!status)
            *same = zeros ? bytes_are(there, n, 0) : !memcmp(mine, there, n);
        progress_add(n);
        from += n;
    }
    return status;
}

enum status flash_image_is(const struct flash_image *image, struct file *file, bool *same)
{
    uint64_t size = image->size;
    *same = file->size == size || (image->has_slack && file->size > size);
    if (!*same)
        return STATUS_OK;
    progress_start("comparing with what is there", file->size);
    const struct slack *s = &image->slack;
    uint64_t tail_size, old = slack_old_tail(s, &tail_size);
    uint64_t body = file->size > size ? old : size;
    enum status status = compare(image, file, 0, body, false, same);
    if (!status && *same && file->size > size) {
        struct slack_tail tail;
        uint64_t end = file->size - slack_tail_size(s), first;
        status = compare(image, file, body, end, true, same);
        if (!status)
            status = read_there(file, end, &tail, (uint32_t)slack_tail_size(s));
        *same = *same && !status &&
                (slack_note_fits(&tail.note, s->id, end, &first) ||
                 bytes_are(&tail.note, sizeof tail.note, 0)) &&
                !memcmp(tail.footer, s->footer, slack_footer_size(s));
    }
    progress_end();
    return status;
}
