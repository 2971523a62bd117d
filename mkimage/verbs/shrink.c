/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage shrink: slack given back, on the host or on a flash. The end of the file goes to its new
 * place, inside the slack, where nothing refers to it; when it is on the disk, the file becomes
 * shorter in one change. So the file has a good footer at its end throughout.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/bytes.h"
#include "cli/options.h"
#include "cli/say.h"
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "core/chain/path.h"
#include "core/vhd/format.h"
#include "core/vhd/vhd.h"
#include "core/vhdx/vhdx.h"
#include "flash/edit.h"
#include "flash/image_file.h"
#include "flash/sums.h"
#include "flash/target.h"
#include "host/device.h"
#include "image/slack.h"
#include "serve/mounted_sum.h"
#include "verbs/verbs.h"

/* The file's new size; its old one where there is nothing to give back. */
static uint64_t new_size(const struct slack *s, const struct options *options, uint32_t *keep)
{
    uint64_t block = ((uint64_t)s->now.block_sectors) << SECTOR_SHIFT;
    uint64_t slots = options->given & OPTION_NEW_SIZE ? (options->size + block - 1) / block : 0;
    if (slots >= slack_left(s))
        slots = slack_left(s);
    *keep = (uint32_t)slots;
    struct slack none = *s; /* as if it had no slack, and no file */
    none.now.count = 0;
    none.file_size = 0;
    uint64_t size = slots ? slack_size(&none, (uint32_t)slots)
                          : round_up_shift(s->now.end, SECTOR_SHIFT) + VHD_FOOTER_SIZE;
    return size && size < s->file_size ? size : s->file_size;
}

/*
 * The end of the file that it will be. A note that the slack is all zeros goes before that, as it
 * is not true any more then.
 */
static bool write_end(const struct slack *s, uint32_t keep, uint64_t size, slack_io *io,
                      bool (*flush)(void *ctx), void *ctx)
{
    static uint8_t zeros[SLACK_NOTE_SIZE];
    struct slack_tail tail;
    uint64_t old_size, old = slack_old_tail(s, &old_size);
    uint64_t note = old_size - slack_footer_size(s);
    if (note && (!io(ctx, old, zeros, (size_t)note, true) || !flush(ctx)))
        return false;
    slack_tail_make(&tail, s, s->zero_from, size);
    bool ok = keep ? io(ctx, size - slack_tail_size(s), &tail, slack_tail_size(s), true)
                   : io(ctx, size - sizeof tail.footer, tail.footer, sizeof tail.footer, true);
    return ok && flush(ctx);
}

/* slack_allowed says what else is refused; a fixed VHDX may have blocks that are not there yet. */
static enum status check_format(const struct image *image, const char *path)
{
    bool vhdx = image->format == IMAGE_VHDX, fixed = image->kind == IMAGE_FIXED;
    enum status status = vhdx && !fixed ? STATUS_OK : slack_allowed(image);
    if (status || !vhdx)
        return status;
    return say_error(fixed ? "mkimage vhd convert makes a dynamic one on the host."
                           : "mkimage vhd compact makes one on the host as short as it gets.",
                     "%s: is a VHDX, whose slack cannot be given back in place", path);
}

static void report(const char *path, const struct slack *s, uint64_t size, bool dry)
{
    if (size == s->file_size)
        say("%s: has no slack to give back", path);
    else
        say("%s: %s %s shorter, %s", path, dry ? "would be" : "is", bytes_text(s->file_size - size),
            "what is stored stays");
}

/* --- A file of the host */

static bool host_flush(void *ctx)
{
    return !fsync(((const struct device *)ctx)->fd);
}

static enum status cut_host(const char *path, const struct slack *s, uint32_t keep, uint64_t size)
{
    struct device device;
    enum status status = device_open(&device, path, DEVICE_WRITE); /* refuses one that is in use */
    if (status)
        return status;
    mounted_sum_written(path);
    if (!write_end(s, keep, size, image_file_host_io, host_flush, &device) ||
        ftruncate(device.fd, (off_t)size) || fsync(device.fd))
        status = device_write_failed(&device);
    device_close(&device);
    return status;
}

static enum status shrink_on_host(const struct options *options, struct file *file,
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
    enum status status = err ? say_fail(&f) : check_format(&image, path);
    if (!status)
        status = slack_look(&s, &image, arena);
    uint32_t keep = 0;
    uint64_t size = status ? 0 : new_size(&s, options, &keep);
    if (!status && size < s.file_size && !options->dry_run)
        status = cut_host(path, &s, keep, size);
    if (!status)
        report(path, &s, size, options->dry_run);
    return status;
}

/* --- A file of a flash */

static bool flash_flush(void *ctx)
{
    return edit_sync(((const struct image_file_on *)ctx)->edit);
}

static enum status cut_on_flash(struct edit *e, const char *path, const struct slack *s,
                                const struct extent_list *list, uint32_t keep, uint64_t size)
{
    struct image_file_on file = {e, list};
    return write_end(s, keep, size, image_file_flash_io, flash_flush, &file)
               ? edit_truncate(e, path, size)
               : device_write_failed(&e->session.device);
}

static enum status check_simple(struct edit *e, const char *path)
{
    bool simple;
    if (edit_is_simple(e, path, &simple))
        return STATUS_FAILED;
    return simple ? STATUS_OK
                  : say_error("Copy it to the host, shrink it there, and use mkimage replace.",
                              "%s: is in so many fragments that it cannot be cut at once", path);
}

static enum status shrink(struct edit *e, const char *path, const struct options *options)
{
    struct file file;
    struct image image;
    struct extent_list list;
    struct slack s;
    enum status status = image_file_open(e, path, &image, &file, &list);
    path += chain_path_volume(path); /* it is this one */
    if (!status)
        status = check_format(&image, path);
    if (!status)
        status = slack_look(&s, &image, &e->session.target.arena);
    uint32_t keep = 0;
    uint64_t size = status ? 0 : new_size(&s, options, &keep);
    if (!status && size < s.file_size) {
        status = check_simple(e, path);
        edit_rehearse(e);
        if (!status)
            status = sums_mark_written(e, path, NULL);
        if (!status)
            status = edit_truncate(e, path, size);
        edit_end_rehearsal(e);
        if (!status && !options->dry_run)
            status = sums_mark_written(e, path, NULL);
        if (!status && !options->dry_run)
            status = cut_on_flash(e, path, &s, &list, keep, size);
    }
    if (!status)
        report(path, &s, size, options->dry_run);
    return status;
}

static enum status shrink_on_flash(const struct options *options)
{
    struct edit e;
    const char *path;
    enum status status = edit_open(&e, options);
    if (status)
        return status;
    status = image_file_path(&e, options, &path);
    char *kept = status ? NULL : strdup(path); /* outlives core's view */
    if (!status)
        status = kept ? shrink(&e, kept, options) : say_no_memory();
    free(kept);
    edit_close(&e);
    return status;
}

enum status verb_shrink(const struct options *options)
{
    return image_file_change(options, "shrink", shrink_on_host, shrink_on_flash);
}
