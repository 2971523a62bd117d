/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pread and pwrite again and again until all is done; a signal in between is no failure. */
#include "host/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool fd_pread(int fd, void *buf, size_t size, uint64_t off)
{
    uint8_t *to = buf;
    while (size) {
        ssize_t n = pread(fd, to, size, (off_t)off);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (!n)
                errno = EIO;
            return false;
        }
        to += n;
        off += (uint64_t)n;
        size -= (size_t)n;
    }
    return true;
}

bool fd_pwrite(int fd, const void *buf, size_t size, uint64_t off)
{
    const uint8_t *from = buf;
    while (size) {
        ssize_t n = pwrite(fd, from, size, (off_t)off);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (!n)
                errno = EIO;
            return false;
        }
        from += n;
        off += (uint64_t)n;
        size -= (size_t)n;
    }
    return true;
}

bool fd_sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = strndup(path, slash ? (size_t)(slash + 1 - path) : 0);
    int fd = folder ? open(*folder ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    bool ok = fd >= 0 && (!fsync(fd) || errno == EINVAL);
    if (fd >= 0)
        close(fd);
    free(folder);
    return ok;
}
