/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkntfs formats a sparse file in memory, as it knows no partition offset; pack.c copies from
 * there. The device is not touched before mkntfs has done its part.
 */
#include "ntfs/mkfs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/base/bounds.h"
#include "ntfs/pack.h"

uint64_t mkfs_overhead(uint64_t size)
{
    /* $LogFile is 64 MiB at the most and 1/200 of a small volume; $Bitmap a bit a cluster. */
    uint64_t log = size / 100 < (uint64_t)66 << 20 ? size / 100 : (uint64_t)66 << 20;
    return ((uint64_t)4 << 20) + log + size / MKFS_CLUSTER / 8;
}

/* Runs mkntfs on the open file, with what it has to say going to /dev/null. */
static enum status run_mkntfs(int fd, uint64_t start_lba, const char *label)
{
    char name[64], lba[32];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    snprintf(lba, sizeof lba, "%llu", (unsigned long long)(start_lba > UINT32_MAX ? 0 : start_lba));
    const char *arguments[] = {"mkntfs", "-F", "-Q", "-q", "-s",  "512", "-c",  "4096", "-p",
                               lba,      "-S", "63", "-H", "255", "-L",  label, name,   NULL};
    pid_t child = fork();
    if (!child) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        fcntl(fd, F_SETFD, 0);
        execvp("mkntfs", (char *const *)(uintptr_t)arguments);
        execv("/usr/sbin/mkntfs", (char *const *)(uintptr_t)arguments);
        execv("/sbin/mkntfs", (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return say_error("Try again.", "mkntfs cannot be started: %s", strerror(errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return say_error("Install the package ntfs-3g.", "mkntfs is not on this host");
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return say_error("Choose a larger --size, or another label.",
                         "mkntfs could not format the volume");
    return STATUS_OK;
}

enum status mkfs_volume(struct device *device, uint64_t start, uint64_t size, const char *label)
{
    int fd = memfd_create("volume", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)size)) {
        if (fd >= 0)
            close(fd);
        return say_error("Free some memory.", "no room for the new volume's metadata: %s",
                         strerror(errno));
    }
    enum status status = run_mkntfs(fd, start >> SECTOR_SHIFT, label);
    errno = EINVAL;
    if (!status && !pack_volume(device, start, size, fd))
        status = device_write_failed(device);
    close(fd);
    return status;
}
