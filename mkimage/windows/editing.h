/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hive changed by libhivex, in memory: the bytes before, the changes, the bytes after. */
#ifndef MKIMAGE_WINDOWS_EDITING_H
#define MKIMAGE_WINDOWS_EDITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/say.h"
#include "windows/changes.h"

/* `name` is for messages; *after is allocated. */
enum status editing_apply(const char *name, const uint8_t *before, size_t size,
                          const struct tuning *changes, uint8_t **after, size_t *after_size);

/* Do the two hives hold the same keys and values? Dates do not count. false too where one cannot be
 * read. */
bool editing_same(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size);

#endif
