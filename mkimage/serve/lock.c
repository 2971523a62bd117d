/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The locks are of the open file: whoever closes it gives them back. Never waits. */
#include "serve/lock.h"
#include <errno.h>
#include <fcntl.h>

#define DOES_BASE    100
#define FORBIDS_BASE 200

/* The bits of QEMU's permissions. */
enum { CONSISTENT_READ = 0, WRITE = 1, WRITE_UNCHANGED = 2, RESIZE = 3, BITS };

static bool lock_byte(int fd, int at)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
    return !fcntl(fd, F_OFD_SETLK, &lock) || errno == EINVAL || errno == ENOLCK || errno == ENOSYS;
}

/* Does another open file hold a lock there? */
static bool held_by_another(int fd, int at)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
    return !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
}

enum err lock_image(int fd, bool write, const char *path, struct fail *f)
{
    const unsigned does = 1u << CONSISTENT_READ | (write ? 1u << WRITE | 1u << RESIZE : 0);
    const unsigned forbids = 1u << WRITE | 1u << RESIZE;
    bool free = true;
    for (int i = 0; i < BITS; i++) {
        if (does >> i & 1)
            free &= lock_byte(fd, DOES_BASE + i);
        if (forbids >> i & 1)
            free &= lock_byte(fd, FORBIDS_BASE + i);
    }
    for (int i = 0; i < BITS; i++) {
        if (does >> i & 1)
            free &= !held_by_another(fd, FORBIDS_BASE + i);
        if (forbids >> i & 1)
            free &= !held_by_another(fd, DOES_BASE + i);
    }
    if (free)
        return ERR_OK;
    (void)fail(f, ERR_WRITE, "another program has the image open; end it first", 0);
    return fail_subject(f, path);
}
