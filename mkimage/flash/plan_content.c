/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bytes of a planned image on its way to the flash. What is here is the content alone: where it
 * goes is the caller's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "cli/progress.h"
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/vhd/format.h"
#include "flash/plan.h"
#include "host/fd.h"
#include "host/summing.h"

#define BUFFER (256u << 10)

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
    return say_error("Its drive may be failing, or it became shorter: look after it, then run this "
                     "again.",
                     "%s: cannot be read: %s", image->source, strerror(errno));
}

static enum status read_there(struct file *file, uint64_t off, void *buf, uint32_t n)
{
    struct fail f;
    if (!file_read(file, off, buf, n, &f))
        return STATUS_OK;
    (void)fail_subject(&f, file->path);
    return say_fail(&f);
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

/* What the image is to become, as place_fill takes it: the source up to `body`, zeros, and the
 * tail. Without slack the body is all. */
struct grown {
    struct patches patches;
    uint64_t body, tail_at, size;
    struct slack_tail tail;
};

static void grown_extent(void *ctx, uint64_t off, uint64_t *data, uint64_t *end)
{
    const struct grown *g = ctx;
    const struct flash_image *image = g->patches.image;
    *data = off >= g->body && off < g->tail_at ? g->tail_at : off;
    *end = off >= g->body ? g->size : g->body;
    if (off < g->body && image->fd >= 0 && !g->patches.count)
        fd_next_data(image->fd, off, g->body, data, end);
}

static enum status grown_read(void *ctx, uint64_t off, void *buf, uint32_t n)
{
    const struct grown *g = ctx;
    if (off < g->body)
        return read_patched(&g->patches, off, buf, n);
    memcpy(buf, (const uint8_t *)&g->tail + (off - g->tail_at), n);
    return STATUS_OK;
}

static bool grown_find(struct grown *g, const struct flash_image *image)
{
    const struct slack *s = &image->slack;
    uint64_t old_size, size = flash_image_size(image);
    *g = (struct grown){.patches.image = image, .body = image->size, .tail_at = size, .size = size};
    if (!image->slots)
        return true;
    g->body = slack_old_tail(s, &old_size);
    g->tail_at = size - slack_tail_size(s);
    slack_tail_make(&g->tail, s, s->zero_from, size);
    return patches_find(&g->patches, image);
}

/* Who writes to the source meanwhile leaves a mixture of two states. */
static enum status look_at_source(const struct flash_image *image)
{
    struct stat st;
    if (image->fd < 0 || (!fstat(image->fd, &st) && (uint64_t)st.st_size == image->size &&
                          st.st_mtim.tv_sec == image->changed.tv_sec &&
                          st.st_mtim.tv_nsec == image->changed.tv_nsec))
        return STATUS_OK;
    return say_error("End what writes to it, a virtual machine say, then run this again.",
                     "%s: was changed while it was copied", image->source);
}

enum status flash_image_fill(struct volume *v, struct flash_image *image, const struct placement *p,
                             bool sums)
{
    struct grown g;
    struct summing *sum = NULL;
    bool known = image->summed && image->summed_slots == image->slots && !image->bytes;
    bool ready = grown_find(&g, image); /* what failed has said so */
    struct place_content content = {.size = g.size,
                                    .extent = grown_extent,
                                    .read = grown_read,
                                    .ctx = &g,
                                    .looks = image->fd < 0 || g.patches.count,
                                    .fd = image->fd,
                                    .same = image->fd < 0 || g.patches.count ? 0 : g.body};
    enum status status = !ready ? STATUS_FAILED : sums && !known ? summing_start(&sum) : STATUS_OK;
    if (!status)
        status = place_fill(v, p, &content, sum);
    if (sum) {
        summing_end(sum, image->digest);
        image->summed = !status;
        image->summed_slots = image->slots;
    }
    free(g.patches.sector);
    return status ? status : look_at_source(image);
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
