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
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "core/vhd/vhd.h"
#include "core/vhdx/format.h"
#include "core/vhdx/vhdx.h"
#include "flash/edit.h"
#include "flash/enlarge.h"
#include "flash/image_file.h"
#include "host/device.h"
#include "host/fd.h"
#include "image/slack.h"
#include "verbs/verbs.h"

static const uint8_t zeros[1 << 18];

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
    status = enlarge_clean(image, s, &device, image_file_host_io, &device);
    if (!status && fsync(device.fd))
        status = device_write_failed(&device);
    progress_start("reserving", size - s->file_size);
    if (!status && !(add || s->bitmaps ? extend(&device, s, size) && note_host(&device, s, size)
                                       : enlarge_note_again(image, s, image_file_host_io, &device)))
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
    uint32_t add = enlarge_wanted(path, &s, options->size);
    if (!options->dry_run)
        status = extend_host(path, &image, &s, add);
    if (!status && add)
        enlarge_report(path, &s, add, options->dry_run ? "would get" : "got", 0);
    return status;
}

/* --- A file of a flash */

static enum status reserve_on_flash(const struct options *options)
{
    struct edit e;
    const char *path = NULL;
    struct enlarge how = {.size = options->size, .dry_run = options->dry_run};
    enum status status = edit_open(&e, options);
    if (status)
        return status;
    status = image_file_path(&e, options, &path);
    if (!status)
        status = enlarge_in_volume(&e, path, &how);
    edit_close(&e);
    return status;
}

enum status verb_reserve(const struct options *options)
{
    if (!(options->given & OPTION_NEW_SIZE))
        return say_usage("reserve needs --size SIZE");
    return image_file_change(options, "reserve", reserve_on_host, reserve_on_flash);
}
