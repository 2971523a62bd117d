/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hive changed by libhivex, in memory: the bytes before, the changes, the bytes after. */
#ifndef MKIMAGE_WINDOWS_EDITING_H
#define MKIMAGE_WINDOWS_EDITING_H

#include <stddef.h>
#include <stdint.h>
#include "cli/say.h"
#include "windows/changes.h"

/* `name` is for messages; *after is allocated. */
enum status editing_apply(const char *name, const uint8_t *before, size_t size,
                          const struct tuning *changes, uint8_t **after, size_t *after_size);

#endif
