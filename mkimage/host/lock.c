/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Byte ranges as QEMU uses them: a read lock on byte 100 + i says "I use right i", one on byte
 * 200 + i "nobody else may". They are locks of the open file (OFD), so each held file has a
 * descriptor of its own here, and closing another one of it lets nothing go.
 */
#include "host/lock.h"
#include <errno.h>
#include <fcntl.h>
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

#define IN_USE "is in use by another program, which "
static const char keeps[] = IN_USE "keeps it for itself";
static const char writes[] = IN_USE "writes to it";
static const char relies[] = IN_USE "relies on its content";
static const char alters[] = IN_USE "changes it";
static const char reads[] = IN_USE "reads it";

bool lock_says(const char *sentence)
{
    return sentence == keeps || sentence == writes || sentence == relies || sentence == alters ||
           sentence == reads;
}

/* First the own locks, then a look at the others': two at once see each other. */
static const char *lock_all(int fd, enum lock_use use)
{
    bool writer = use == LOCK_WRITER;
    bool ok = take(fd, USES_AT + RIGHT_READ) && (!writer || take(fd, ALONE_AT + RIGHT_READ));
    for (unsigned i = 0; i < CHANGES; i++) {
        if (writer)
            ok = ok && take(fd, USES_AT + changes[i]);
        ok = ok && take(fd, ALONE_AT + changes[i]);
    }
    if (!ok && (errno == EAGAIN || errno == EACCES))
        return keeps;
    for (unsigned i = 0; i < CHANGES; i++) {
        if (taken(fd, USES_AT + changes[i]))
            return writes;
        if (writer && taken(fd, ALONE_AT + changes[i]))
            return relies;
    }
    if (taken(fd, ALONE_AT + RIGHT_READ))
        return alters;
    return writer && taken(fd, USES_AT + RIGHT_READ) ? reads : NULL;
}

const char *lock_try(int fd, enum lock_use use)
{
    struct stat st;
    if (fstat(fd, &st))
        return NULL;
    struct held *h = find(&st);
    if (h) {
        const char *wrong = use == h->use ? NULL : lock_all(h->fd, LOCK_WRITER);
        if (!wrong) {
            h->count++;
            h->use = h->use == use ? use : LOCK_WRITER;
        }
        return wrong;
    }
    for (h = held; h < held + HELD_MAX && h->count; h++)
        ;
    char name[40];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    /* what is no file must not be waited for */
    int own = h < held + HELD_MAX ? open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
    if (own < 0)
        return NULL; /* not even to be read: then nobody's lock can be seen */
    const char *wrong = lock_all(own, use);
    if (wrong)
        close(own);
    else
        *h = (struct held){own, 1, use, st.st_dev, st.st_ino};
    return wrong;
}

enum status lock_hold(int fd, const char *path, enum lock_use use)
{
    const char *wrong = lock_try(fd, use);
    return wrong ? say_error(LOCK_ADVICE, "%s: %s", path, wrong) : STATUS_OK;
}

void lock_release(int fd)
{
    struct stat st;
    struct held *h = fstat(fd, &st) ? NULL : find(&st);
    if (h && !--h->count)
        close(h->fd);
}
