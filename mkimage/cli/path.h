/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths of a volume, as text: users and configs write / or \, and both separate. */
#ifndef MKIMAGE_CLI_PATH_H
#define MKIMAGE_CLI_PATH_H

#include <stdbool.h>
#include <stddef.h>

bool path_is_separator(char c);

/* What is behind the last separator: all of it where there is none. */
const char *path_last(const char *path);

/* Bytes in front of it, the separator included. */
size_t path_folder_length(const char *path);

/* Makes every separator the one that volumes use. */
void path_backslashes(char *path);

#endif
