/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who else has this file or device open: the locks of QEMU, qemu-img and qemu-nbd, which mkimage
 * takes as well, so that they and a second mkimage know of each other. Promises: nothing is
 * written, nothing waits; who only reads needs no lock, and hinders nobody.
 */
#ifndef MKIMAGE_HOST_LOCK_H
#define MKIMAGE_HOST_LOCK_H

#include <stdbool.h>
#include "cli/say.h"

/* What the holder does, and so whom it cannot have beside it. */
enum lock_use {
    LOCK_WRITER, /* writes: nobody else may write, or read what is half written */
    LOCK_READER, /* counts on the content over a time: nobody else may write */
};

/*
 * Locks what `fd` leads to, called `path`, for this process until lock_release or its end, whatever
 * becomes of `fd`. Refuses where another process has it in use; a second time by this process is
 * counted, and who reads may write then where nobody else stands against it. Where the file system
 * has no locks, there are none.
 */
enum status lock_hold(int fd, const char *path, enum lock_use use);

/* The same, silent: NULL, or what is wrong, to be said behind the file's name and followed by
 * LOCK_ADVICE. The sentences are the same pointers each time. */
const char *lock_try(int fd, enum lock_use use);

#define LOCK_ADVICE "End what uses it first: QEMU, qemu-nbd, or another mkimage."

/* Is it one of those sentences? */
bool lock_says(const char *sentence);

/* Takes one lock_hold back; without one, nothing happens. */
void lock_release(int fd);

#endif
