/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By openat2(), which resolves every link as a chroot would. */
#include "inside/within.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

int within_open(int root, const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
                           .resolve = RESOLVE_IN_ROOT};
    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

bool within_has(int root, const char *path)
{
    int fd = within_open(root, path, O_PATH);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

bool within_read(int root, const char *path, char *text, size_t size)
{
    int fd = within_open(root, path, O_RDONLY | O_NONBLOCK);
    size_t done = 0;
    for (ssize_t n = 1; fd >= 0 && n > 0 && done + 1 < size;) { /* ends: with the file, or full */
        n = read(fd, text + done, size - 1 - done);
        done += n > 0 ? (size_t)n : 0;
    }
    text[done] = '\0';
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

void within_list(int root, const char *path, bool (*each)(void *ctx, const char *name), void *ctx)
{
    int fd = within_open(root, path, O_RDONLY | O_DIRECTORY);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (fd >= 0 && !dir)
        close(fd);
    bool more = true;
    for (struct dirent *e; more && dir && (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            more = each(ctx, e->d_name);
    }
    if (dir)
        closedir(dir);
}

int within_mount(int root, const char *path, const char *source, const char *type,
                 unsigned long flags, const char *data)
{
    char at[32];
    int fd = within_open(root, path, O_PATH | O_DIRECTORY);
    if (fd < 0)
        return errno;
    snprintf(at, sizeof at, "/proc/self/fd/%d", fd);
    int error = mount(source, at, type, flags, data) ? errno : 0;
    close(fd);
    return error;
}
