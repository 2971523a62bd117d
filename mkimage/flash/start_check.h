/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Would an entry start that has no image, but `boot = ...`? By the loader's own code. Only reads.
 */
#ifndef MKIMAGE_FLASH_START_CHECK_H
#define MKIMAGE_FLASH_START_CHECK_H

#include <stddef.h>
#include "core/base/errors.h"
#include "core/entry/config.h"
#include "flash/target.h"

/* Looks at what the entry starts. `text` becomes a line about it; what only the machine itself can
 * know is said there to be unknown, and is no failure. */
MUST_CHECK enum err start_check(struct target *t, const struct config_entry *entry, char *text,
                                size_t size, struct fail *f);

#endif
