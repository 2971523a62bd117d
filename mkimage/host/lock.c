/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Byte ranges as QEMU uses them: a read lock on byte 100 + i says "I use right i", one on byte
 * 200 + i "nobody else may". They are locks of the open file (OFD), so each held file has a
 * descriptor of its own here, and closing another one of it lets nothing go.
 */
#include "host/lock.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* QEMU's rights, by their bits. */
enum right { RIGHT_READ = 0, RIGHT_WRITE = 1, RIGHT_RESIZE = 3 };
#define USES_AT  100
#define ALONE_AT 200

#define HELD_MAX 64

static struct held {
    int fd; /* a descriptor of the table's own */
    unsigned count;
    enum lock_use use;
    dev_t dev;
    ino_t ino;
} held[HELD_MAX];

static const enum right changes[] = {RIGHT_WRITE, RIGHT_RESIZE};
#define CHANGES (sizeof changes / sizeof changes[0])

static struct held *find(const struct stat *st)
{
    for (unsigned i = 0; i < HELD_MAX; i++) {
        if (held[i].count && held[i].dev == st->st_dev && held[i].ino == st->st_ino)
            return &held[i];
    }
    return NULL;
}

/* False where the file system has no such locks, or somebody keeps the byte for himself. */
static bool take(int fd, off_t at)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
    return !fcntl(fd, F_OFD_SETLK, &lock);
}

/* Has anybody else a lock on the byte? */
static bool taken(int fd, off_t at)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
    return !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
}

static enum status in_use(const char *path, const char *how)
{
    return say_error("End what uses it first: QEMU, qemu-nbd, or another mkimage.",
                     "%s: is in use by another program, which %s", path, how);
}

/* First the own locks, then a look at the others': two at once see each other. */
static enum status lock_all(int fd, const char *path, enum lock_use use)
{
    bool writer = use == LOCK_WRITER;
    bool ok = take(fd, USES_AT + RIGHT_READ) && (!writer || take(fd, ALONE_AT + RIGHT_READ));
    for (unsigned i = 0; i < CHANGES; i++) {
        if (writer)
            ok = ok && take(fd, USES_AT + changes[i]);
        ok = ok && take(fd, ALONE_AT + changes[i]);
    }
    if (!ok && (errno == EAGAIN || errno == EACCES))
        return in_use(path, "keeps it for itself");
    for (unsigned i = 0; i < CHANGES; i++) {
        if (taken(fd, USES_AT + changes[i]))
            return in_use(path, "writes to it");
        if (writer && taken(fd, ALONE_AT + changes[i]))
            return in_use(path, "relies on its content");
    }
    if (taken(fd, ALONE_AT + RIGHT_READ))
        return in_use(path, "changes it");
    return writer && taken(fd, USES_AT + RIGHT_READ) ? in_use(path, "reads it") : STATUS_OK;
}

enum status lock_hold(int fd, const char *path, enum lock_use use)
{
    struct stat st;
    if (fstat(fd, &st))
        return STATUS_OK;
    struct held *h = find(&st);
    if (h) {
        enum status status = use == h->use ? STATUS_OK : lock_all(h->fd, path, LOCK_WRITER);
        if (!status) {
            h->count++;
            h->use = h->use == use ? use : LOCK_WRITER;
        }
        return status;
    }
    for (h = held; h < held + HELD_MAX && h->count; h++)
        ;
    char name[40];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    int own = h < held + HELD_MAX ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (own < 0)
        return STATUS_OK; /* not even to be read: then nobody's lock can be seen */
    enum status status = lock_all(own, path, use);
    if (status)
        close(own);
    else
        *h = (struct held){own, 1, use, st.st_dev, st.st_ino};
    return status;
}

void lock_release(int fd)
{
    struct stat st;
    struct held *h = fstat(fd, &st) ? NULL : find(&st);
    if (h && !--h->count)
        close(h->fd);
}
