/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtual disk as a file of this kernel, by FUSE: for kernels without NBD. The file has no name
 * in any folder; who has its descriptor has the disk, and a loop device can stand on it.
 *
 * Promises: what fsync() has returned from is flushed; nothing is allocated after fuse_start().
 */
#ifndef MKIMAGE_INSIDE_FUSE_H
#define MKIMAGE_INSIDE_FUSE_H

#include <pthread.h>
#include <stdint.h>

#define FUSE_THREADS 4

struct serve;

struct fuse_file;

struct fuse_thread {
    struct fuse_file *owner;
    pthread_t thread;
    int started;
    uint8_t *buffer; /* a request, or the data of an answer */
};

struct fuse_file {
    struct serve *disk; /* the caller's */
    int device, quit;   /* /dev/fuse; readable when the threads are to end */
    int fd;             /* the file */
    struct fuse_thread thread[FUSE_THREADS];
};

/* Makes the file, served by threads of this process: after the last fork. 0 or an errno; ENODEV or
 * ENOENT: this kernel has no FUSE. `f` stays where it is until fuse_end(). */
int fuse_start(struct fuse_file *f, struct serve *disk);

/* The file is somebody else's now: no process may have one open that it serves itself. */
void fuse_leave(struct fuse_file *f);

/* Ends it, whoever still has it; what was not flushed is the disk's to flush. */
void fuse_end(struct fuse_file *f);

#endif
