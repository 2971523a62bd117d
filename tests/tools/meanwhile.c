/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For LD_PRELOAD: the command MEANWHILE is run at the first fsync of the program, which is the one
 * before a new file gets its name.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
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
