/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For LD_PRELOAD: each long write takes SLOW_MICROSECONDS longer, as on a slow stick. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

ssize_t pwrite64(int fd, const void *buf, size_t size, off64_t off);

ssize_t pwrite64(int fd, const void *buf, size_t size, off64_t off)
{
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (!real)
        real = (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    const char *slow = getenv("SLOW_MICROSECONDS");
    if (slow && size >= 1 << 16) /* of content, not of metadata */
        usleep((useconds_t)atol(slow));
    return real(fd, buf, size, off);
}
