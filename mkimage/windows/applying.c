/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shared object lies inside this program, and is loaded out of the kernel's memory. */
#include "windows/applying.h"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "cli/progress.h"
#include "host/fd.h"

extern const uint8_t blob_wim[], blob_wim_end[];

/* It stays loaded: libwim is needed until the end. */
static void *object(void)
{
    static void *handle;
    size_t size = (size_t)(blob_wim_end - blob_wim);
    int fd = handle || !size ? -1 : memfd_create("wim", MFD_CLOEXEC);
    if (fd < 0)
        return handle;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fd_pwrite(fd, blob_wim, size, 0))
        handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    close(fd);
    return handle;
}

static enum status call(struct wim_job *job, const char *name)
{
    if (&blob_wim[0] == &blob_wim_end[0])
        return say_error("Build it again where libwim-dev is.",
                         "%s: this program was built without libwim", job->file);
    void *handle = object();
    wim_function *function = NULL;
    if (handle)
        *(void **)&function = dlsym(handle, name);
    if (!function) {
        const char *why = dlerror();
        return say_error("Install the package libwim15.", "%s: libwim is not on this host: %s",
                         job->file, why ? why : "it cannot be loaded");
    }
    return function(job) ? STATUS_OK
                         : say_error("Check the file, its images (wiminfo) and the size.", "%s: %s",
                                     job->file, job->error);
}

enum status applying_look(struct wim_job *job)
{
    return call(job, WIM_LOOK);
}

static void on_progress(uint64_t done, uint64_t total)
{
    static uint64_t told;
    if (done < told || !total)
        told = 0;
    progress_add(done - told);
    told = done;
}

enum status applying_write(struct wim_job *job)
{
    job->progress = on_progress;
    progress_start("applying", job->total);
    enum status status = call(job, WIM_APPLY);
    progress_end();
    return status;
}
