/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bytes of a planned image on its way to the flash. What is here is the content alone: where it
 * goes is the caller's. */
#include <string.h>
#include "cli/progress.h"
#include "core/base/bits.h"
#include "core/base/file.h"
#include "core/vhd/format.h"
#include "flash/plan.h"
#include "host/fd.h"

#define BUFFER (256u << 10)

enum status flash_image_fill(struct volume *v, const struct flash_image *image,
                             const struct placement *p)
{
    static const uint8_t zeros[VHD_FOOTER_SIZE];
    const struct slack *s = &image->slack;
    struct file file = image->file;
    enum status status = image->origin ? place_fill_file(v, p, &file)
                                       : place_fill(v, p, image->fd, image->source, image->size);
    if (!status && image->slots)
        status = place_write(v, p, s->now.limit, zeros, sizeof zeros);
    if (!status && image->slots)
        status = place_write(v, p, flash_image_size(image) - sizeof s->footer, s->footer,
                             sizeof s->footer);
    return status;
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
    uint64_t body = file->size > size ? image->slack.now.limit : size;
    enum status status = compare(image, file, 0, body, false, same);
    if (!status && *same && file->size > size) {
        uint8_t footer[VHD_FOOTER_SIZE];
        uint64_t end = file->size - sizeof footer;
        status = compare(image, file, body, end, true, same);
        if (!status)
            status = read_there(file, end, footer, sizeof footer);
        *same = *same && !status && !memcmp(footer, image->slack.footer, sizeof footer);
    }
    progress_end();
    return status;
}
