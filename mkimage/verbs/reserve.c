/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage reserve: slack for a dynamic or differencing image, on the host or on a flash. The order,
 * in which the file has a good footer at its end throughout: zeros and the footer beyond the old
 * end, which nothing refers to yet; the file's new size; when that is on the disk, zeros over the
 * old footer and the old note; then the sector bitmaps that a differencing VHDX lacks; and when
 * those are there, the note that all is zeros.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "core/base/bits.h"
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "core/chain/path.h"
#include "core/ntfs/ntfs.h"
#include "core/vhd/vhd.h"
#include "core/vhdx/format.h"
#include "core/vhdx/vhdx.h"
#include "flash/dependents.h"
#include "flash/edit.h"
#include "flash/grow.h"
#include "flash/image_file.h"
#include "flash/merge_mark.h"
#include "flash/sums.h"
#include "flash/target.h"
#include "host/device.h"
#include "host/fd.h"
#include "image/slack.h"
#include "verbs/verbs.h"

static const uint8_t zeros[1 << 18];

/*
 * What another program, or a cut of this one, left in the slack of a dynamic image becomes zero:
 * the loader does that by itself when it takes a slot, but not every program does. A differencing
 * one's bitmaps hide it.
 */
static enum status clean(const struct image *image, struct slack *s, const struct device *device,
                         slack_io *io, void *ctx)
{
    static uint8_t buffer[sizeof zeros];
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
static bool note_again(const struct image *image, const struct slack *s, slack_io *io, void *ctx)
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

/* How many slots there will be; says so where nothing needs to be done. */
static uint32_t wanted(const char *path, const struct slack *s, const struct options *options)
{
    uint32_t add = slack_wanted(s, options->size);
    uint64_t asked = options->size / ((uint64_t)s->now.block_sectors << SECTOR_SHIFT);
    if (!add)
        say("%s: has slack for %s, which is all that its disk can ever need", path,
            slack_text(s, slack_left(s)));
    else if (add < asked)
        say("%s: only %s more are of use to its disk", path, slack_text(s, add));
    return add;
}

static void report(const char *path, const struct slack *s, uint32_t add, const char *how,
                   uint32_t pieces)
{
    char fragments[40] = "";
    if (pieces)
        snprintf(fragments, sizeof fragments, ", %" PRIu32 " fragment%s", pieces,
                 pieces == 1 ? "" : "s");
    say("%s: %s slack for %s, %s in all%s", path, how, slack_text(s, add),
        slack_text(s, slack_left(s) + add), fragments);
}

/* --- A file of the host */

/* Space for [from, to) without holes. The size of the file stays. */
static bool allocate(int fd, uint64_t from, uint64_t to)
{
    return !fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(to - from));
}

/* Zeros to [from, to). */
static bool zero_host(int fd, uint64_t from, uint64_t to)
{
    for (uint64_t off = from; off < to;) { /* ends: off grows */
        size_t n = to - off < sizeof zeros ? (size_t)(to - off) : sizeof zeros;
        if (!fd_pwrite(fd, zeros, n, off))
            return false;
        progress_add(n);
        off += n;
    }
    return true;
}

/* The footer goes to the new end in one write, which makes the file longer at the same time; only
 * where the file system cannot allocate ahead are the zeros written behind it. */
static bool extend(struct device *device, const struct slack *s, uint64_t size)
{
    int fd = device->fd;
    uint64_t end = size - slack_footer_size(s);
    bool allocated = size <= s->file_size || allocate(fd, s->file_size, size);
    if (!allocated && (errno == ENOSPC || errno == EFBIG))
        return false;
    if (slack_footer_size(s) ? !fd_pwrite(fd, s->footer, sizeof s->footer, end)
                             : size > s->file_size && ftruncate(fd, (off_t)size))
        return false;
    if (fsync(fd) || (!allocated && (!zero_host(fd, s->file_size, end) || fsync(fd))))
        return false;
    uint64_t tail, old = slack_old_tail(s, &tail);
    uint64_t bitmaps_end = s->bitmap_at + ((uint64_t)s->bitmaps << VHDX_MIB_SHIFT);
    return fd_pwrite(fd, zeros, (size_t)tail, old) && !fsync(fd) &&
           zero_host(fd, s->bitmap_at, bitmaps_end) && !fsync(fd) &&
           slack_bitmaps_link(s, image_file_host_io, device) && !fsync(fd);
}

/* When all of that is there: the note. */
static bool note_host(struct device *device, const struct slack *s, uint64_t size)
{
    struct slack_tail tail;
    slack_tail_make(&tail, s, s->zero_from, size);
    return fd_pwrite(device->fd, &tail.note, sizeof tail.note, size - slack_tail_size(s)) &&
           !fsync(device->fd);
}

static enum status extend_host(const char *path, const struct image *image, struct slack *s,
                               uint32_t add)
{
    uint64_t size = slack_size(s, add);
    struct device device;
    if (!size)
        return slack_too_large(path, "Choose a smaller --size.");
    enum status status = device_open(&device, path, DEVICE_WRITE); /* refuses one that is in use */
    if (status)
        return status;
    status = clean(image, s, &device, image_file_host_io, &device);
    if (!status && fsync(device.fd))
        status = device_write_failed(&device);
    progress_start("reserving", size - s->file_size);
    if (!status && !(add || s->bitmaps ? extend(&device, s, size) && note_host(&device, s, size)
                                       : note_again(image, s, image_file_host_io, &device)))
        status = device_write_failed(&device);
    progress_end();
    device_close(&device);
    return status;
}

static enum status reserve_on_host(const struct options *options, struct file *file,
                                   struct arena *arena)
{
    const char *path = options->argument[0];
    struct image image;
    struct slack s;
    struct fail f;
    bool is_vhdx = false;
    enum err err = vhdx_probe(file, &is_vhdx, &f);
    if (!err)
        err = is_vhdx ? vhdx_open(&image, file, arena, &f) : vhd_open(&image, file, arena, &f);
    if (!err && image.kind == IMAGE_FIXED && image.check)
        err = image.check(&image, arena, &f);
    enum status status = err ? say_fail(&f) : slack_allowed(&image);
    if (!status)
        status = slack_look(&s, &image, arena);
    if (status)
        return status;
    uint32_t add = wanted(path, &s, options);
    if (!options->dry_run)
        status = extend_host(path, &image, &s, add);
    if (!status && add)
        report(path, &s, add, options->dry_run ? "would get" : "got", 0);
    return status;
}

/* --- A file of a flash */

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

static enum status reserve_on_flash(const struct options *options)
{
    struct edit e;
    struct file file;
    struct image image;
    struct extent_list list;
    struct slack s = {0};
    const char *path = NULL;
    uint32_t pieces = 0;
    enum status status = edit_open(&e, options);
    if (status)
        return status;
    status = image_file_path(&e, options, &path);
    char *kept = status ? NULL : strdup(path); /* outlives core's view */
    path = kept;
    if (!status && !kept)
        status = say_no_memory();
    if (!status)
        status = image_file_open(&e, path, &image, &file, &list);
    if (!status)
        path += chain_path_volume(path); /* it is this one */
    if (!status)
        status = slack_allowed(&image);
    if (!status && image.merge == IMAGE_MERGE_COMPLETE && !options->dry_run)
        status = unmark(&e, path, &image, &file, &list);
    if (!status)
        status = slack_look(&s, &image, &e.session.target.arena);
    uint32_t add = status ? 0 : wanted(path, &s, options);
    if (!status && (add || s.bitmaps)) {
        edit_rehearse(&e);
        status = grow_slots(&e, path, &s, add, &list, &pieces);
        edit_end_rehearsal(&e);
    }
    struct image_file_on on_flash = {&e, &list};
    if (!status && !options->dry_run)
        status = sums_mark_written(&e, path);
    if (!status && !options->dry_run)
        status = clean(&image, &s, &e.session.device, image_file_flash_io, &on_flash);
    if (!status && !options->dry_run &&
        (!edit_sync(&e) ||
         (!add && !s.bitmaps && !note_again(&image, &s, image_file_flash_io, &on_flash))))
        status = device_write_failed(&e.session.device);
    if (!status && (add || s.bitmaps) && !options->dry_run)
        status = grow(&e, path, &s, add, &list, &pieces);
    if (!status && add)
        report(path, &s, add, options->dry_run ? "would get" : "got", pieces);
    free(kept);
    edit_close(&e);
    return status;
}

enum status verb_reserve(const struct options *options)
{
    if (!(options->given & OPTION_NEW_SIZE))
        return say_usage("reserve needs --size SIZE");
    return image_file_change(options, "reserve", reserve_on_host, reserve_on_flash);
}
