/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which sectors of a virtual disk no file system inside needs, as far as that is known for sure:
 * the free clusters of each NTFS volume that was left clean. Only reads, by core's reader of NTFS.
 */
#ifndef MKIMAGE_SERVE_UNUSED_H
#define MKIMAGE_SERVE_UNUSED_H

#include <stdbool.h>
#include <stdint.h>
#include "cli/say.h"

struct content;
struct unused;

/* Looks at the partitions of `disk`, which stays open as long as the result; `name` is for
 * messages: which volumes are passed over, and why. */
enum status unused_open(struct unused **u, struct content *disk, const char *name);
void unused_close(struct unused *u);

/* Is sector `lba` needed by nobody? And how many from there on are alike: *count is cut to it. */
enum status unused_look(struct unused *u, uint64_t lba, uint64_t *count, bool *free);

#endif
