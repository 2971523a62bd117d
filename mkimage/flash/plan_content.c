/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bytes of a planned image on its way to the flash. What is here is the content alone: where it
 * goes is the caller's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/progress.h"
#include "core/base/bits.h"
#include "core/base/bounds.h"
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
    enum status status = image->bytes    ? place_fill_memory(v, p, image->bytes, image->size)
                         : image->origin ? place_fill_file(v, p, &file)
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
    if (image->bytes) {
        memcpy(buf, image->bytes + off, n);
        return STATUS_OK;
    }
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

/* Sectors of the source that become something else with slack: the BAT of a VHDX. */
struct patches {
    const struct flash_image *image;
    struct {
        uint64_t off;
        uint8_t data[SECTOR_SIZE];
    } * sector;
    size_t count;
};

static bool patch_io(void *ctx, uint64_t off, void *buf, size_t size, bool write)
{
    struct patches *p = ctx;
    if (!write && read_source(p->image, off, buf, (uint32_t)size))
        return false;
    for (size_t i = 0; i < p->count; i++) {
        if (p->sector[i].off != off)
            continue;
        memcpy(write ? (void *)p->sector[i].data : buf, write ? buf : p->sector[i].data, size);
        return true;
    }
    if (!write)
        return true;
    void *more = realloc(p->sector, (p->count + 1) * sizeof *p->sector);
    if (!more || size != SECTOR_SIZE)
        return false;
    p->sector = more;
    p->sector[p->count].off = off;
    memcpy(p->sector[p->count++].data, buf, size);
    return true;
}

static bool patches_find(struct patches *p, const struct flash_image *image)
{
    *p = (struct patches){.image = image};
    return slack_bitmaps_link(&image->slack, patch_io, p);
}

/* A part of the source with the patches. */
static enum status read_patched(const struct patches *p, uint64_t off, uint8_t *buf, uint32_t n)
{
    enum status status = read_source(p->image, off, buf, n);
    for (size_t i = 0; !status && i < p->count; i++) {
        for (uint32_t k = 0; k < SECTOR_SIZE; k++) {
            uint64_t at = p->sector[i].off + k - off;
            if (at < n)
                buf[at] = p->sector[i].data[k];
        }
    }
    return status;
}

/* The source up to byte `body`; holes are not read where nothing is patched. */
static enum status sum_body(struct sha256 *sum, const struct patches *p, uint64_t body)
{
    static uint8_t buffer[BUFFER];
    enum status status = STATUS_OK;
    uint64_t data, hole;
    for (uint64_t off = 0; !status && off < body;) { /* ends: off grows */
        next_data(p->image, off, body, &data, &hole);
        if (p->count) {
            data = off;
            hole = body;
        }
        sha256_add_zeros(sum, data - off);
        progress_add(data - off);
        for (off = data; !status && off < hole;) {
            uint32_t n = hole - off < BUFFER ? (uint32_t)(hole - off) : BUFFER;
            status = read_patched(p, off, buffer, n);
            sha256_add(sum, buffer, n);
            progress_add(n);
            off += n;
        }
    }
    return status;
}

enum status flash_image_sum(const struct flash_image *image, uint8_t digest[SHA256_SIZE])
{
    const struct slack *s = &image->slack;
    struct patches patches = {.image = image};
    struct slack_tail tail;
    struct sha256 sum;
    uint64_t size = flash_image_size(image), old_size, body = image->size;
    if (image->slots)
        body = slack_old_tail(s, &old_size);
    if (image->slots && !patches_find(&patches, image)) {
        free(patches.sector);
        return STATUS_FAILED; /* what failed has said so */
    }
    sha256_start(&sum);
    enum status status = sum_body(&sum, &patches, body);
    if (image->slots) {
        slack_tail_make(&tail, s, s->zero_from, size);
        sha256_add_zeros(&sum, size - slack_tail_size(s) - body);
        sha256_add(&sum, &tail, slack_tail_size(s));
    }
    sha256_end(&sum, digest);
    free(patches.sector);
    return status;
}

/* Is the file the same from `from` to `to`, or, with `zeros`, zero there? */
static enum status compare(const struct patches *p, struct file *file, uint64_t from, uint64_t to,
                           bool zeros, bool *same)
{
    static uint8_t mine[BUFFER], there[BUFFER];
    enum status status = STATUS_OK;
    while (!status && *same && from < to) { /* ends: from grows */
        uint32_t n = to - from < BUFFER ? (uint32_t)(to - from) : BUFFER;
        status = read_there(file, from, there, n);
        if (!status && !zeros)
            status = read_patched(p, from, mine, n);
        if (!status)
            *same = zeros ? bytes_are(there, n, 0) : !memcmp(mine, there, n);
        progress_add(n);
        from += n;
    }
    return status;
}

/* With slack: the body, zeros, a note or zeros, and the footer. */
static enum status compare_grown(const struct patches *p, struct file *file, bool *same)
{
    const struct slack *s = &p->image->slack;
    struct slack_tail tail;
    uint64_t old_size, first, body = slack_old_tail(s, &old_size);
    uint64_t end = file->size - slack_tail_size(s);
    enum status status = compare(p, file, 0, body, false, same);
    if (!status && *same && end > body)
        status = compare(p, file, body, end, true, same);
    if (!status && *same)
        status = read_there(file, end, &tail, (uint32_t)slack_tail_size(s));
    *same = *same && !status &&
            (slack_note_fits(&tail.note, s->id, end, &first) ||
             bytes_are(&tail.note, sizeof tail.note, 0)) &&
            !memcmp(tail.footer, s->footer, slack_footer_size(s));
    return status;
}

enum status flash_image_is(const struct flash_image *image, struct file *file, bool *same)
{
    struct patches patches = {.image = image};
    bool grown = image->has_slack && file->size > image->size;
    *same = file->size == image->size || grown;
    if (!*same)
        return STATUS_OK;
    if (grown && !patches_find(&patches, image)) {
        free(patches.sector);
        return STATUS_FAILED; /* what failed has said so */
    }
    progress_start("comparing with what is there", file->size);
    enum status status = grown ? compare_grown(&patches, file, same)
                               : compare(&patches, file, 0, image->size, false, same);
    progress_end();
    free(patches.sector);
    return status;
}
