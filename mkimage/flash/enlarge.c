/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The image is looked at, rehearsed with, and then changed: what stands in the way is known before
 * the first byte of it is written. */
#include "flash/enlarge.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/progress.h"
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "core/chain/path.h"
#include "core/ntfs/ntfs.h"
#include "flash/dependents.h"
#include "flash/grow.h"
#include "flash/image_file.h"
#include "flash/merge_mark.h"
#include "flash/sums.h"

/*
 * What another program, or a cut of this one, left in the slack of a dynamic image becomes zero:
 * the loader does that by itself when it takes a slot, but not every program does. A differencing
 * one's bitmaps hide it.
 */
enum status enlarge_clean(const struct image *image, struct slack *s, const struct device *device,
                          slack_io *io, void *ctx)
{
    static uint8_t buffer[1 << 18];
    enum status status = STATUS_OK;
    if (image->kind == IMAGE_DIFFERENCING)
        return STATUS_OK;
    uint64_t off = round_up_shift(s->now.end, SECTOR_SHIFT);
    progress_start("looking through the slack", s->now.limit > off ? s->now.limit - off : 0);
    while (!status && off < s->now.limit) { /* ends: off grows */
        size_t n =
            s->now.limit - off < sizeof buffer ? (size_t)(s->now.limit - off) : sizeof buffer;
        if (!io(ctx, off, buffer, n, false)) {
            status = device_read_failed(device);
        } else if (!bytes_are(buffer, n, 0)) {
            memset(buffer, 0, n);
            if (!io(ctx, off, buffer, n, true))
                status = device_write_failed(device);
        }
        progress_add(n);
        off += n;
    }
    progress_end();
    s->zero_from = round_up_shift(s->now.end, SECTOR_SHIFT);
    return status;
}

/* A note in a slack that was looked through and gets no longer: where one was, or where its sector
 * costs no slot that is of use. */
bool enlarge_note_again(const struct image *image, const struct slack *s, slack_io *io, void *ctx)
{
    struct slack_tail tail;
    uint64_t end = s->now.count ? s->now.first + (uint64_t)(s->now.count - 1) * s->now.stride +
                                      s->now.bitmap_sectors + s->now.block_sectors
                                : s->now.limit >> SECTOR_SHIFT;
    bool fits = end < s->now.limit >> SECTOR_SHIFT || s->now.count > s->absent;
    if (image->kind == IMAGE_DIFFERENCING || !s->now.count || !(s->now.noted || fits) ||
        s->now.limit != s->file_size - slack_footer_size(s))
        return true;
    slack_tail_make(&tail, s, s->zero_from, s->file_size);
    return io(ctx, s->now.limit - sizeof tail.note, &tail.note, sizeof tail.note, true);
}

uint32_t enlarge_wanted(const char *path, const struct slack *s, uint64_t size)
{
    uint32_t add = slack_wanted(s, size);
    uint64_t asked = size / ((uint64_t)s->now.block_sectors << SECTOR_SHIFT);
    if (!add)
        say("%s: has slack for %s, which is all that its disk can ever need", path,
            slack_text(s, slack_left(s)));
    else if (add < asked)
        say("%s: only %s more are of use to its disk", path, slack_text(s, add));
    return add;
}

void enlarge_report(const char *path, const struct slack *s, uint32_t add, const char *how,
                    uint32_t pieces)
{
    char fragments[40] = "";
    if (pieces)
        snprintf(fragments, sizeof fragments, ", %" PRIu32 " fragment%s", pieces,
                 pieces == 1 ? "" : "s");
    say("%s: %s slack for %s, %s in all%s", path, how, slack_text(s, add),
        slack_text(s, slack_left(s) + add), fragments);
}

/* Takes the mark of a merge off an image whose child is gone; the image is open afterwards. */
static enum status unmark(struct edit *e, const char *path, struct image *image, struct file *file,
                          struct extent_list *list)
{
    struct dependents images;
    enum status status = dependents_list(&images, &e->session.target);
    if (status)
        return status;
    struct ntfs_identity own = ntfs_identify(file);
    bool gone = !dependents_merged(&images, image, &own, NULL);
    dependents_free(&images);
    if (!gone)
        return STATUS_OK;
    struct chain_link link = {.file = *file, .image = *image, .extents = *list};
    status = merge_mark_end(e, &link);
    if (!status)
        status = edit_reopen(e);
    return status ? status : image_file_open(e, path, image, file, list);
}

/* The slots, and when they are there, the note about them. */
static enum status grow(struct edit *e, const char *path, const struct slack *s, uint32_t add,
                        struct extent_list *list, uint32_t *pieces)
{
    struct file file;
    struct image image;
    enum status status = grow_slots(e, path, s, add, list, pieces);
    if (!status)
        status = edit_reopen(e);
    if (!status)
        status = image_file_open(e, path, &image, &file, list);
    return status ? status : grow_note(e, s, add, list);
}

/* Of an image that is open: all that reserve does. */
static enum status enlarge(struct edit *e, const char *path, struct image *image,
                           struct extent_list *list, struct enlarge *how)
{
    struct slack s = {0};
    uint32_t pieces = 0;
    enum status status = slack_look(&s, image, &e->session.target.arena);
    uint32_t add = status ? 0 : enlarge_wanted(path, &s, how->size);
    if (!status) {
        edit_rehearse(e);
        status = sums_mark_written(e, path, NULL);
        if (!status && (add || s.bitmaps))
            status = grow_slots(e, path, &s, add, list, &pieces);
        edit_end_rehearsal(e);
    }
    struct image_file_on on_flash = {e, list};
    if (!status && !how->dry_run)
        status = sums_mark_written(e, path, NULL);
    bool known = how->trust_note && s.now.noted && !s.now.unsure;
    if (!status && !how->dry_run && !known)
        status = enlarge_clean(image, &s, &e->session.device, image_file_flash_io, &on_flash);
    if (!status && !how->dry_run &&
        (!edit_sync(e) ||
         (!add && !s.bitmaps && !enlarge_note_again(image, &s, image_file_flash_io, &on_flash))))
        status = device_write_failed(&e->session.device);
    if (!status && (add || s.bitmaps) && !how->dry_run)
        status = grow(e, path, &s, add, list, &pieces);
    how->added = (uint64_t)add * s.now.block_sectors << SECTOR_SHIFT;
    if (!status && add)
        enlarge_report(path, &s, add, how->dry_run ? "would get" : "got", pieces);
    return status;
}

enum status enlarge_in_volume(struct edit *e, const char *path, struct enlarge *how)
{
    struct file file;
    struct image image;
    struct extent_list list;
    char *kept = strdup(path); /* outlives core's view */
    if (!kept)
        return say_no_memory();
    path = kept;
    enum status status = image_file_open(e, path, &image, &file, &list);
    if (!status)
        path += chain_path_volume(path); /* it is this one */
    if (!status)
        status = slack_allowed(&image);
    if (!status && image.merge == IMAGE_MERGE_COMPLETE && !how->dry_run)
        status = unmark(e, path, &image, &file, &list);
    if (!status)
        status = enlarge(e, path, &image, &list, how);
    free(kept);
    return status;
}
