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

enum status fresh_open(struct fresh *fresh, const char *name, bool replace)
{
    *fresh = (struct fresh){.name = name, .fd = -1};
    struct stat st;
    bool there = !lstat(name, &st);
    if (there && !replace)
        return say_error("Choose another name, or remove it.", "%s: is there already", name);
    remove_left(name);
    if (asprintf(&fresh->path, "%s.%d.part", name, (int)getpid()) < 0) {
        fresh->path = NULL;
        return say_no_memory();
    }
    fresh->fd =
        open(fresh->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, there ? st.st_mode & 0777 : 0666);
    if (fresh->fd >= 0) {
        (void)flock(fresh->fd, LOCK_EX | LOCK_NB);
        return STATUS_OK;
    }
    enum status status = say_error("Choose a folder that can be written to.",
                                   "%s: cannot be made: %s", fresh->path, strerror(errno));
    free(fresh->path);
    fresh->path = NULL;
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

enum status fresh_end(struct fresh *fresh, enum status status)
{
    if (!fresh->path)
        return status;
    if (!status && (fsync(fresh->fd) || rename(fresh->path, fresh->name)))
        status = say_error("Check the free space there.", "%s: cannot be written: %s", fresh->name,
                           strerror(errno));
    if (status)
        unlink(fresh->path);
    else
        folder_sync(fresh->name);
    close(fresh->fd);
    free(fresh->path);
    *fresh = (struct fresh){.fd = -1};
    return status;
}
