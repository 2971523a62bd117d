/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For LD_PRELOAD: the command MEANWHILE is run at the first fsync of the program, which is the one
 * before a new file gets its name. With WITHOUT_NOREPLACE the file system is one that knows no
 * renameat2 with flags, as those of FUSE.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int fsync(int fd)
{
    int (*real)(int);
    *(void **)&real = dlsym(RTLD_NEXT, "fsync");
    char *command = getenv("MEANWHILE");
    if (command) {
        unsetenv("LD_PRELOAD");
        unsetenv("MEANWHILE");
        if (system(command) < 0)
            abort();
    }
    return real(fd);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    int (*real)(int, const char *, int, const char *, unsigned);
    *(void **)&real = dlsym(RTLD_NEXT, "renameat2");
    if (!flags || !getenv("WITHOUT_NOREPLACE"))
        return real(from_folder, from, to_folder, to, flags);
    errno = EINVAL;
    return -1;
}
