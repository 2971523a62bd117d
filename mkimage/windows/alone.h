/* SPDX-License-Identifier: GPL-2.0-or-later */
/* May an image be written: does another one stand on it, which would change with it? */
#ifndef MKIMAGE_WINDOWS_ALONE_H
#define MKIMAGE_WINDOWS_ALONE_H

#include "cli/say.h"
#include "windows/disk.h"

/* Refuses, and says which, where an image is a child of this one. `partition`: of TARGET. */
enum status alone_check(const struct disk *disk, unsigned partition);

#endif
