/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registry values that a Windows wants that is to start by USB or out of a VHD: which of them
 * are otherwise, and what each becomes. Only lists: editing.h writes.
 */
#ifndef MKIMAGE_WINDOWS_TUNING_H
#define MKIMAGE_WINDOWS_TUNING_H

#include <stdbool.h>
#include "windows/changes.h"
#include "windows/registry.h"

struct tuning_wish {
    bool san_policy, portable;
};

/* What differs from what it should be; `system` knows its control set. */
void tuning_plan(struct tuning *t, struct registry *system, const struct tuning_wish *wish);

/* Lists one more; `value` NULL: the key itself. NULL: the list is full. */
struct tuning_change *tuning_add(struct tuning *t, enum tuning_kind kind, const char *key,
                                 const char *value);

/* A line for each, to standard output. */
void tuning_tell(const struct tuning *t);

#endif
