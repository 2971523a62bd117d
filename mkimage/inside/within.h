/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names below another system's root: no link there, absolute or not, leads out of it. */
#ifndef MKIMAGE_INSIDE_WITHIN_H
#define MKIMAGE_INSIDE_WITHIN_H

#include <stdbool.h>
#include <stddef.h>

/* open() below the folder `root`; -1 with errno set. */
int within_open(int root, const char *path, int flags);

bool within_has(int root, const char *path);

/* Up to size - 1 bytes of a file, with a NUL behind them; false where there is none. */
bool within_read(int root, const char *path, char *text, size_t size);

/* Calls `each` with every name of a folder but . and .., as long as it returns true. */
void within_list(int root, const char *path, bool (*each)(void *ctx, const char *name), void *ctx);

/* Mounts at a folder there. 0 or an errno. */
int within_mount(int root, const char *path, const char *source, const char *type,
                 unsigned long flags, const char *data);

#endif
