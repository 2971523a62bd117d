/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries of a boot store that must not be started, since a native start writes to the image, and
 * where that is the parent of another one, the child is damaged; and those that cannot be.
 */
#ifndef MKIMAGE_WINDOWS_PARENTS_H
#define MKIMAGE_WINDOWS_PARENTS_H

#include "cli/say.h"
#include "flash/target.h"
#include "windows/tree.h"

/* Warns of each entry of the target's store whose image has a child on one of its volumes, or is
 * not there. */
enum status parents_warn(const struct tree *store, struct target *t);

#endif
