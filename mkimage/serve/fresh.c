/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A name that nobody has, then rename. What is cut off leaves the old file and a part beside it. */
#include "serve/fresh.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum status fresh_open(struct fresh *fresh, const char *name, bool replace)
{
    *fresh = (struct fresh){.name = name, .fd = -1};
    struct stat st;
    bool there = !lstat(name, &st);
    if (there && !replace)
        return say_error("Choose another name, or remove it.", "%s: is there already", name);
    if (asprintf(&fresh->path, "%s.%d.part", name, (int)getpid()) < 0) {
        fresh->path = NULL;
        return say_no_memory();
    }
    fresh->fd =
        open(fresh->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, there ? st.st_mode & 0777 : 0666);
    if (fresh->fd >= 0)
        return STATUS_OK;
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
