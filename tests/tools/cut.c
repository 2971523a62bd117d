/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For LD_PRELOAD: the power fails at the CUT_AFTER-th write to the file CUT_FILE (which may end in
 * a star: any file that is called so). CUT_SECTORS sectors of that write still reach it; then the
 * program is gone.
 *
 * With CUT_LOSE, a number that is not 0, the drive has a write cache: of what was written since the
 * last fsync or fdatasync, only some writes have reached the medium, picked by that number. Where
 * CUT_TOTAL names a file and the program comes to its end, the number of writes goes there.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t pwrite64(int fd, const void *buf, size_t size, off64_t off);
int fallocate64(int fd, int mode, off64_t off, off64_t size);
int fsync(int fd);
int fdatasync(int fd);

/* A write that may yet be lost. */
struct cached {
    struct cached *before;
    off64_t off;
    size_t size, old_size;
    unsigned char *old, *new;
};

static struct cached *cache;
static long writes;
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);

static int is_ours(int fd)
{
    struct stat ours, theirs;
    char link[40], name[4096];
    size_t length = strcspn(getenv("CUT_FILE"), "*");
    if (getenv("CUT_FILE")[length]) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, name, sizeof name);
        return n >= (ssize_t)length && !strncmp(name, getenv("CUT_FILE"), length);
    }
    return !fstat(fd, &ours) && !stat(getenv("CUT_FILE"), &theirs) &&
           ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

static unsigned lose(void)
{
    const char *number = getenv("CUT_LOSE");
    return number ? (unsigned)atol(number) : 0;
}

static void keep(int fd, const void *buf, size_t size, off64_t off)
{
    struct cached *c = calloc(1, sizeof *c);
    c->off = off;
    c->size = size;
    c->old = malloc(size);
    c->new = malloc(size);
    ssize_t n = pread(fd, c->old, size, off);
    c->old_size = n > 0 ? (size_t)n : 0;
    memcpy(c->new, buf, size);
    c->before = cache;
    cache = c;
}

/* Takes everything back, then writes those again, oldest first, that reached the medium. The file
 * keeps its length. */
static void replay(int fd, struct cached *c, uint32_t *random)
{
    if (!c)
        return;
    real_pwrite(fd, c->old, c->old_size, c->off);
    replay(fd, c->before, random);
    *random = *random * 1664525 + 1013904223;
    if (*random >> 31)
        real_pwrite(fd, c->new, c->size, c->off);
}

static void setup(void)
{
    if (!real_pwrite)
        *(void **)&real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
}

ssize_t pwrite64(int fd, const void *buf, size_t size, off64_t off)
{
    setup();
    if (!is_ours(fd))
        return real_pwrite(fd, buf, size, off);
    if (writes++ == atol(getenv("CUT_AFTER"))) {
        size_t part = 512 * (size_t)atol(getenv("CUT_SECTORS"));
        if (part)
            real_pwrite(fd, buf, part < size ? part : size, off);
        uint32_t random = lose();
        replay(fd, cache, &random);
        _exit(99);
    }
    if (lose())
        keep(fd, buf, size, off);
    return real_pwrite(fd, buf, size, off);
}

/* So that zeros are written, and seen here. */
int fallocate64(int fd, int mode, off64_t off, off64_t size)
{
    int (*real)(int, int, off64_t, off64_t);
    *(void **)&real = dlsym(RTLD_NEXT, "fallocate64");
    if (lose() && is_ours(fd)) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return real(fd, mode, off, size);
}

static int flush(int fd, const char *name)
{
    int (*real)(int);
    *(void **)&real = dlsym(RTLD_NEXT, name);
    setup();
    if (is_ours(fd))
        cache = NULL;
    return real(fd);
}

int fsync(int fd)
{
    return flush(fd, "fsync");
}

int fdatasync(int fd)
{
    return flush(fd, "fdatasync");
}

static __attribute__((destructor)) void tell(void)
{
    FILE *file = getenv("CUT_TOTAL") ? fopen(getenv("CUT_TOTAL"), "w") : NULL;
    if (file)
        fprintf(file, "%ld\n", writes);
    if (file)
        fclose(file);
}
