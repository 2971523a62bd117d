/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths of a volume, as text: users and configs write / or \, and both separate. */
#ifndef MKIMAGE_CLI_PATH_H
#define MKIMAGE_CLI_PATH_H

#include <stddef.h>

/* Bytes in front of the last part, the separator included. */
size_t path_folder_length(const char *path);

/* Makes every separator the one that volumes use. */
void path_backslashes(char *path);

#endif
