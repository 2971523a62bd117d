/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file of the host may lie on a stick that is mounted: then the menu in that volume's root may
 * lead to it, and the whole volume may hold its children. By the kernel's view of it. Only reads.
 */
#ifndef MKIMAGE_SERVE_MOUNTED_H
#define MKIMAGE_SERVE_MOUNTED_H

#include <stdbool.h>
#include <sys/stat.h>
#include "cli/say.h"

/* The root of the file system that `path` lies on, allocated; NULL where it has no \vhdboot.cfg. */
char *mounted_root(const char *path);

/* Is it the file that `vhd` names, a path from that root? Found as an image finds its parent,
 * whatever the letter case. */
bool mounted_is(const char *root, const char *vhd, const struct stat *wanted);

/* An entry of that menu which starts the file and, with `writing`, keeps its changes: `who` becomes
 * "NAME of /MOUNT/vhdboot.cfg", allocated, or NULL. A menu that cannot be read is warned of. */
enum status mounted_starter(const char *path, bool writing, char **who);

/* Warns where such an entry writes to the file, which is to be replaced by one without slack. */
enum status mounted_warn_of_slack(const char *path);

#endif
