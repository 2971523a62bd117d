/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is this the device that is meant? Asked where somebody sits at a terminal; scripts say --yes. A
 * drive that cannot be taken out needs --force before all of it is overwritten.
 */
#ifndef MKIMAGE_HOST_CONFIRM_H
#define MKIMAGE_HOST_CONFIRM_H

#include <stdbool.h>
#include "cli/options.h"
#include "cli/say.h"

/* Can somebody be asked? */
bool confirm_possible(void);

/* Before all of the block devices is lost: says what each is, in a dry run too, and asks. */
enum status confirm_overwrite(const char *const *path, unsigned count,
                              const struct options *options);

/* Before a block device is written to that keeps what it has. */
enum status confirm_write(const char *path, const struct options *options);

#endif
