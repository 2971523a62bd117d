/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading and writing past the host's page cache (O_DIRECT): for a server that must not need memory
 * to write, and for images that would be cached twice. Whole sectors go as they are where the
 * caller's memory fits, else by way of buffers that were allocated at the start.
 */
#ifndef MKIMAGE_SERVE_DIRECT_H
#define MKIMAGE_SERVE_DIRECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct direct;

/* Turns the page cache off for the open file `fd`. NULL with errno: EINVAL where the file system
 * cannot, or moves larger units than sectors. Nothing has changed then. */
struct direct *direct_open(int fd);

/* The descriptor stays open; NULL does nothing. */
void direct_close(struct direct *d);

/* All bytes, or an errno. Writes take whole sectors. */
int direct_read(struct direct *d, void *buf, size_t len, uint64_t off);
int direct_write(struct direct *d, const void *buf, size_t len, uint64_t off);

#endif
