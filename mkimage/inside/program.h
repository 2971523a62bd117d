/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs programs of another system below its root. Not a prison: they are root's, and may do what
 * root may; but of this computer's drives, network and processes they see nothing.
 */
#ifndef MKIMAGE_INSIDE_PROGRAM_H
#define MKIMAGE_INSIDE_PROGRAM_H

#include <stdbool.h>

/* Gives the system at `root` its /proc, /sys and /dev, and memory for what does not last: with what
 * this process's /dev has. 0 or an errno. */
int program_world(int root);

struct program_end {
    int status;     /* as waitpid() has it; -1: it could not be started */
    char last[256]; /* the last line that it has printed */
};

/* Runs it to its end; did it end with 0? `file`: an open program of ours, run instead of words[0];
 * -1: none. */
bool program_run(int root, int file, const char *const *words, struct program_end *end);

#endif
