/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For LD_PRELOAD: the power fails at the CUT_AFTER-th write to the file CUT_FILE. CUT_SECTORS
 * sectors of that write still reach it; then the program is gone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t pwrite64(int fd, const void *buf, size_t size, off64_t off);

ssize_t pwrite64(int fd, const void *buf, size_t size, off64_t off)
{
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    static long left = -1;
    struct stat ours, theirs;
    if (!real) {
        *(void **)&real = dlsym(RTLD_NEXT, "pwrite64");
        left = atol(getenv("CUT_AFTER"));
    }
    if (fstat(fd, &ours) || stat(getenv("CUT_FILE"), &theirs) || ours.st_ino != theirs.st_ino ||
        ours.st_dev != theirs.st_dev || left--)
        return real(fd, buf, size, off);
    size_t part = 512 * (size_t)atol(getenv("CUT_SECTORS"));
    if (part)
        real(fd, buf, part < size ? part : size, off);
    _exit(99);
}
