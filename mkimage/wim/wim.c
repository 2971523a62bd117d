/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A WIM's image into an NTFS volume that the caller gives as two functions. libwim mounts "a
 * volume" by calling ntfs_mount(): the one here comes first for it, and mounts the caller's, on the
 * device of mkimage/ntfs/io.c.
 */
#include "wim/wim.h"
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wimlib.h>
#include "host/device.h"
#include "ntfs/io.h"
#include "ntfs/libntfs.h"
#include "ntfs/volume.h"

static struct wim_job *current;
static struct volume volume;
static struct device device;

/* --- The volume, as io.c wants it: there a device's functions have these names (wim.mk) */

bool wim_device_pread(const struct device *d, void *buf, size_t size, uint64_t off);
bool wim_device_pwrite(struct device *d, const void *buf, size_t size, uint64_t off);

bool wim_device_pread(const struct device *d, void *buf, size_t size, uint64_t off)
{
    (void)d;
    return current->pread(current->ctx, buf, size, off);
}

bool wim_device_pwrite(struct device *d, const void *buf, size_t size, uint64_t off)
{
    (void)d;
    return current->pwrite(current->ctx, buf, size, off);
}

/* What libwim takes for ntfs_mount() (wim.mk). Without the caches, data of reparse points fail with
 * EINVAL. */
ntfs_volume *wim_ntfs_mount(const char *name, ntfs_mount_flags flags);
ntfs_volume *wim_ntfs_mount(const char *name, ntfs_mount_flags flags)
{
    (void)name;
    device = (struct device){.path = "volume", .fd = -1, .size = current->volume_size};
    volume = (struct volume){.device = &device, .size = current->volume_size};
    ntfs_log_set_handler(ntfs_log_handler_null);
    struct ntfs_device *d = io_device(&volume);
    ntfs_volume *v = d ? ntfs_device_mount(d, flags) : NULL;
    if (v)
        ntfs_create_lru_caches(v);
    else if (d)
        ntfs_device_free(d);
    return v;
}

/* --- The WIM */

static bool failed(struct wim_job *job, const char *what, int code)
{
    snprintf(job->error, sizeof job->error, "%s: %s", what, wimlib_get_error_string(code));
    return false;
}

static enum wimlib_progress_status on_progress(enum wimlib_progress_msg message,
                                               union wimlib_progress_info *info, void *ctx)
{
    const struct wim_job *job = ctx;
    if (message == WIMLIB_PROGRESS_MSG_EXTRACT_STREAMS && job->progress)
        job->progress(info->extract.completed_bytes, info->extract.total_bytes);
    return WIMLIB_PROGRESS_STATUS_CONTINUE;
}

/* A split WIM's other parts lie beside the first: x.swm, x2.swm, x3.swm. */
static int refer_parts(WIMStruct *wim, const char *file)
{
    struct wimlib_wim_info info;
    wimlib_get_wim_info(wim, &info);
    if (info.total_parts < 2)
        return 0;
    const char *dot = strrchr(file, '.');
    size_t stem = dot && !strchr(dot, '/') ? (size_t)(dot - file) : strlen(file);
    if (stem && file[stem - 1] == '1')
        stem--;
    char *pattern;
    if (asprintf(&pattern, "%.*s*%s", (int)stem, file, dot ? dot : "") < 0)
        return WIMLIB_ERR_NOMEM;
    const char *patterns[] = {pattern};
    int code = wimlib_reference_resource_files(wim, patterns, 1, WIMLIB_REF_FLAG_GLOB_ENABLE, 0);
    free(pattern);
    return code;
}

static bool say_choice(struct wim_job *job, WIMStruct *wim, unsigned count)
{
    size_t used =
        (size_t)snprintf(job->error, sizeof job->error, "it has %u images, so name one:", count);
    for (unsigned i = 1; i <= count && used + 8 < sizeof job->error; i++) {
        const char *name = wimlib_get_image_name(wim, (int)i);
        used += (size_t)snprintf(job->error + used, sizeof job->error - used, "%s %u (%s)",
                                 i > 1 ? "," : "", i, name ? name : "");
    }
    return false;
}

/* Opens the file and finds the image; *wim is to be freed by the caller. */
static bool open_image(struct wim_job *job, WIMStruct **wim, int *image)
{
    struct wimlib_wim_info info;
    *wim = NULL;
    wimlib_set_print_errors(false);
    int code = wimlib_open_wim_with_progress(job->file, 0, wim, on_progress, job);
    if (code)
        return failed(job, "it cannot be opened", code);
    code = refer_parts(*wim, job->file);
    if (code)
        return failed(job, "its other parts cannot be used", code);
    wimlib_get_wim_info(*wim, &info);
    *image = info.image_count == 1 ? 1 : 0;
    if (!job->image && info.image_count != 1)
        return say_choice(job, *wim, info.image_count);
    if (job->image)
        *image = wimlib_resolve_image(*wim, job->image);
    if (*image < 1) {
        snprintf(job->error, sizeof job->error, "it has no image %s", job->image);
        return false;
    }
    const char *name = wimlib_get_image_name(*wim, *image);
    snprintf(job->name, sizeof job->name, "%s", name ? name : "");
    const char *total = wimlib_get_image_property(*wim, *image, "TOTALBYTES");
    job->total = total ? strtoull(total, NULL, 10) : 0;
    return true;
}

bool wim_look(struct wim_job *job)
{
    WIMStruct *wim;
    int image;
    bool ok = open_image(job, &wim, &image);
    wimlib_free(wim);
    return ok;
}

bool wim_apply(struct wim_job *job)
{
    WIMStruct *wim;
    int image;
    current = job;
    bool ok = open_image(job, &wim, &image);
    int code = ok ? wimlib_extract_image(wim, image, "volume", WIMLIB_EXTRACT_FLAG_NTFS) : 0;
    if (code) {
        int error = errno;
        ok = failed(job, "it cannot be applied", code);
        if (error == ENOSPC)
            snprintf(job->error, sizeof job->error, "it does not fit");
    }
    wimlib_free(wim);
    return ok;
}
