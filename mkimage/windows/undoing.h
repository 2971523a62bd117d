/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What tune has set becomes what it was, value by value: whatever else Windows has changed since
 * the hive was saved stays. Only lists: editing.h writes.
 */
#ifndef MKIMAGE_WINDOWS_UNDOING_H
#define MKIMAGE_WINDOWS_UNDOING_H

#include <stdbool.h>
#include "windows/changes.h"
#include "windows/registry.h"

/* The values of `now` that are as tune sets them, and were not in `before`, the hive that was
 * saved; the list points into its bytes. */
void undoing_plan(struct tuning *t, struct registry *now, struct registry *before);

#endif
