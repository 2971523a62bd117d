/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Open files by their numbers. All of a read or write, or a failure: the kernel may do less at a
 * time. */
#ifndef MKIMAGE_HOST_FD_H
#define MKIMAGE_HOST_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * To be called first. A program that was started with standard input, output or error closed would
 * get a disk under that number, and write its messages into it: what is closed becomes a
 * descriptor that neither gives nor takes anything, so that using it fails as before.
 */
void fd_hold_streams(void);

/* All of `size` bytes at `off`, or false with errno set; beyond the end of the file that is EIO. */
bool fd_pread(int fd, void *buf, size_t size, uint64_t off);
bool fd_pwrite(int fd, const void *buf, size_t size, uint64_t off);

/* From byte `off` of a file of `size` bytes on: a hole up to *data, bytes up to *end. */
void fd_next_data(int fd, uint64_t off, uint64_t size, uint64_t *data, uint64_t *end);

/* Does the name still lead to what is open, or was another file put in its place? */
bool fd_leads(int fd, const char *path);

/* The name of the file `path` is on the medium as well. */
bool fd_sync_folder(const char *path);

#endif
