/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pread and pwrite again and again until all is done; a signal in between is no failure. A file
 * that was opened with O_DIRECT takes whole sectors from memory that begins at a border of sectors:
 * what does not is copied (a write is always of whole sectors).
 */
#include "host/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BORDER 512u
#define COPIED 32768u

void fd_hold_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) /* open takes the lowest number that is free: this one */
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
}

static bool must_copy(int fd, const void *buf, size_t size, uint64_t off)
{
    int flags = ((uintptr_t)buf | size | off) % BORDER ? fcntl(fd, F_GETFL) : 0;
    return flags > 0 && flags & O_DIRECT;
}

static bool pread_copied(int fd, void *buf, size_t size, uint64_t off)
{
    _Alignas(BORDER) uint8_t copy[COPIED];
    for (uint8_t *to = buf; size;) { /* ends: size shrinks */
        size_t skip = off % BORDER, most = sizeof copy - skip;
        size_t n = size < most ? size : most;
        if (!fd_pread(fd, copy, (skip + n + BORDER - 1) / BORDER * BORDER, off - skip))
            return false;
        memcpy(to, copy + skip, n);
        to += n;
        off += n;
        size -= n;
    }
    return true;
}

static bool pwrite_copied(int fd, const void *buf, size_t size, uint64_t off)
{
    _Alignas(BORDER) uint8_t copy[COPIED];
    for (const uint8_t *from = buf; size;) { /* ends: size shrinks */
        size_t n = size < sizeof copy ? size : sizeof copy;
        memcpy(copy, from, n);
        if (!fd_pwrite(fd, copy, n, off))
            return false;
        from += n;
        off += n;
        size -= n;
    }
    return true;
}

/* Out of the file, or into it where `out`. */
static bool move(int fd, uint8_t *at, size_t size, uint64_t off, bool out)
{
    while (size) { /* ends: size shrinks, unless signals come for ever */
        ssize_t n = out ? pwrite(fd, at, size, (off_t)off) : pread(fd, at, size, (off_t)off);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (!n)
                errno = EIO;
            return false;
        }
        at += n;
        off += (uint64_t)n;
        size -= (size_t)n;
    }
    return true;
}

bool fd_pread(int fd, void *buf, size_t size, uint64_t off)
{
    return must_copy(fd, buf, size, off) ? pread_copied(fd, buf, size, off)
                                         : move(fd, buf, size, off, false);
}

bool fd_pwrite(int fd, const void *buf, size_t size, uint64_t off)
{
    if (must_copy(fd, buf, size, off) && !((size | off) % BORDER))
        return pwrite_copied(fd, buf, size, off);
    return move(fd, (uint8_t *)(uintptr_t)buf, size, off, true); /* which only reads it */
}

void fd_next_data(int fd, uint64_t off, uint64_t size, uint64_t *data, uint64_t *end)
{
    *data = off;
    *end = size;
    off_t at = lseek(fd, (off_t)off, SEEK_DATA);
    if (at < 0 && errno == ENXIO)
        *data = size;
    else if (at >= 0) /* else the file system tells of no holes */
        *data = (uint64_t)at < size ? (uint64_t)at : size;
    at = lseek(fd, (off_t)*data, SEEK_HOLE);
    if (at > (off_t)*data && (uint64_t)at < size)
        *end = (uint64_t)at;
}

bool fd_leads(int fd, const char *path)
{
    struct stat open, named;
    return !fstat(fd, &open) && !stat(path, &named) && open.st_ino == named.st_ino &&
           open.st_dev == named.st_dev;
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
