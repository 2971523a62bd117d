/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All of a read or write of an open file, or a failure: the kernel may do less at a time. */
#ifndef MKIMAGE_HOST_FD_H
#define MKIMAGE_HOST_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
