/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A name that nobody has, then rename. What is cut off leaves the old file and a part beside it. */
#include "serve/fresh.h"
#include <errno.h>
#include <fcntl.h>
#include <dirent.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "host/fd.h"
#include "host/interrupt.h"
#include "host/lock.h"
#include "serve/mounted_sum.h"

/* Is this NAME.PID.part, where NAME is the last part of a path? */
static bool is_part_of(const char *entry, const char *name)
{
    size_t length = strlen(name);
    if (strncmp(entry, name, length) || entry[length] != '.')
        return false;
    const char *digits = entry + length + 1, *rest = digits + strspn(digits, "0123456789");
    return rest > digits && !strcmp(rest, ".part");
}

/* Whoever makes such a file has it locked: one that is not is of a run that was killed. */
static void remove_if_left(int folder, const char *entry)
{
    struct stat st;
    int fd = openat(folder, entry, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode) && !flock(fd, LOCK_EX | LOCK_NB) &&
        !unlinkat(folder, entry, 0))
        say("%s: removed: a run that was cut off had left it", entry);
    close(fd);
}

static void remove_left(const char *name)
{
    char *copy = strdup(name), *again = strdup(name);
    DIR *dir = copy && again ? opendir(dirname(copy)) : NULL;
    const char *last = again ? basename(again) : "";
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (is_part_of(e->d_name, last))
            remove_if_left(dirfd(dir), e->d_name);
    }
    if (dir)
        closedir(dir);
    free(copy);
    free(again);
}

/* What is replaced: it must be a file, and no other name or program may rely on it. */
static enum status old_take(struct fresh *fresh, const char *name, struct stat *st)
{
    free(fresh->name);
    fresh->name = realpath(name, NULL);
    if (!fresh->name || stat(fresh->name, st))
        return say_error("Check the name.", "%s: %s", name, strerror(errno));
    if (!S_ISREG(st->st_mode))
        return say_error("Choose another name.", "%s: is no file, and is not replaced by one",
                         name);
    if (st->st_nlink > 1)
        return say_error("Remove the others, or work on a copy.",
                         "%s: has other names (hard links), which would keep the old image", name);
    fresh->old = open(fresh->name, O_RDONLY | O_CLOEXEC);
    if (fresh->old < 0)
        return say_error("Choose one that may be written.", "%s: %s", name, strerror(errno));
    enum status status = lock_hold(fresh->old, name, LOCK_WRITER);
    if (!status && !fd_leads(fresh->old, fresh->name))
        status = say_error("Run this again.", "%s: was replaced just now", name);
    return status;
}

static enum status part_make(struct fresh *fresh)
{
    struct stat st;
    if (asprintf(&fresh->path, "%s.%d.part", fresh->name, (int)getpid()) < 0) {
        fresh->path = NULL;
        return say_no_memory();
    }
    bool there = fresh->old >= 0 && !fstat(fresh->old, &st);
    fresh->fd = open(fresh->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, there ? 0600 : 0666);
    if (fresh->fd < 0) {
        enum status status = say_error("Choose a folder that can be written to.",
                                       "%s: cannot be made: %s", fresh->path, strerror(errno));
        free(fresh->path);
        fresh->path = NULL;
        return status;
    }
    (void)flock(fresh->fd, LOCK_EX | LOCK_NB);
    interrupt_file(fresh->path);
    if (there) { /* only root may give files away: for others it is theirs */
        (void)!fchown(fresh->fd, st.st_uid, st.st_gid);
        (void)!fchmod(fresh->fd, st.st_mode & 0777);
    }
    return STATUS_OK;
}

static void fresh_free(struct fresh *fresh)
{
    if (fresh->old >= 0) {
        lock_release(fresh->old);
        close(fresh->old);
    }
    free(fresh->name);
    free(fresh->path);
    *fresh = (struct fresh){.fd = -1, .old = -1};
}

enum status fresh_open(struct fresh *fresh, const char *name, bool replace)
{
    *fresh = (struct fresh){.name = strdup(name), .fd = -1, .old = -1};
    struct stat st;
    enum status status = fresh->name ? STATUS_OK : say_no_memory();
    if (!status && !lstat(name, &st))
        status =
            replace ? old_take(fresh, name, &st)
                    : say_error("Choose another name, or remove it.", "%s: is there already", name);
    if (!status) {
        remove_left(fresh->name);
        status = part_make(fresh);
    }
    if (status)
        fresh_free(fresh);
    return status;
}

/* The name itself is to be on the medium. */
static void folder_sync(const char *name)
{
    char *copy = strdup(name);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)!fsync(fd);
        close(fd);
    }
    free(copy);
}

/* Gives it a name that nobody has. Where the file system cannot do both at once (FUSE), a moment is
 * left between the two. */
static bool name_new(const struct fresh *fresh)
{
    if (!renameat2(AT_FDCWD, fresh->path, AT_FDCWD, fresh->name, RENAME_NOREPLACE))
        return true;
    struct stat st;
    if (errno != EINVAL)
        return false;
    if (!lstat(fresh->name, &st)) {
        errno = EEXIST;
        return false;
    }
    return !rename(fresh->path, fresh->name);
}

/* Making it may have taken hours: what has the name by now must be what it is to replace. */
static enum status name_take(const struct fresh *fresh)
{
    bool there = fresh->old >= 0, ok = !fsync(fresh->fd);
    if (ok && there && !fd_leads(fresh->old, fresh->name))
        return say_error("Look which one is the right one, then run this again.",
                         "%s: was replaced or removed meanwhile", fresh->name);
    if (ok && there)
        mounted_sum_written(fresh->name);
    if (ok)
        ok = there ? !rename(fresh->path, fresh->name) : name_new(fresh);
    if (!ok && errno == EEXIST)
        return say_error("Choose another name, or remove it.", "%s: was made by others meanwhile",
                         fresh->name);
    return ok ? STATUS_OK
              : say_error("Check the free space there.", "%s: cannot be written: %s", fresh->name,
                          strerror(errno));
}

enum status fresh_end(struct fresh *fresh, enum status status)
{
    if (!fresh->path)
        return status;
    if (!status)
        status = name_take(fresh);
    if (status)
        unlink(fresh->path);
    else
        folder_sync(fresh->name);
    interrupt_file(NULL);
    close(fresh->fd);
    fresh_free(fresh);
    return status;
}
