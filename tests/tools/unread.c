/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For LD_PRELOAD: the byte UNREAD_AT of the file UNREAD_FILE cannot be read. A read that has it
 * among its own fails as UNREAD_HOW says:
 *
 *     eio       with EIO, however it is made
 *     direct    with EIO past the page cache, and says so; through it the byte can be read
 *     short     it finds the file cut off there
 *     tail      it does not fail, but leaves the file cut off behind what it read
 *
 * The page cache holds nothing, for programs that ask.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t pread64(int fd, void *buf, size_t size, off64_t off);
ssize_t copy_file_range(int in, off64_t *off, int out, off64_t *to, size_t size, unsigned flags);

static int is_ours(int fd)
{
    struct stat ours, theirs;
    return !fstat(fd, &ours) && !stat(getenv("UNREAD_FILE"), &theirs) &&
           ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

/* Is the byte among these? Where it is the file may be cut off. */
static int meets(int fd, size_t size, off64_t off)
{
    const char *how = getenv("UNREAD_HOW");
    off64_t at = atoll(getenv("UNREAD_AT"));
    if (at < off || at - off >= (off64_t)size || !is_ours(fd))
        return 0;
    if (!strcmp(how, "short") && truncate64(getenv("UNREAD_FILE"), at))
        abort();
    if (!strcmp(how, "tail") && truncate64(getenv("UNREAD_FILE"), off + (off64_t)size))
        abort();
    return 1;
}

ssize_t copy_file_range(int in, off64_t *off, int out, off64_t *to, size_t size, unsigned flags)
{
    ssize_t (*real)(int, off64_t *, int, off64_t *, size_t, unsigned);
    *(void **)&real = dlsym(RTLD_NEXT, "copy_file_range");
    if (!meets(in, size, *off) || strcmp(getenv("UNREAD_HOW"), "eio"))
        return real(in, off, out, to, size, flags);
    errno = EIO;
    return -1;
}

ssize_t pread64(int fd, void *buf, size_t size, off64_t off)
{
    ssize_t (*real)(int, void *, size_t, off64_t);
    *(void **)&real = dlsym(RTLD_NEXT, "pread64");
    const char *how = getenv("UNREAD_HOW");
    if (!meets(fd, size, off))
        return real(fd, buf, size, off);
    int past = !strcmp(how, "direct") && fcntl(fd, F_GETFL) & O_DIRECT;
    if (past && write(2, "past the cache\n", 15) != 15)
        abort();
    if (past || !strcmp(how, "eio")) {
        errno = EIO;
        return -1;
    }
    return real(fd, buf, size, off);
}

int mincore(void *start, size_t length, unsigned char *held)
{
    (void)start;
    memset(held, 0, (length + 4095) / 4096);
    return 0;
}
