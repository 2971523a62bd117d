/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A block device with partitions over an open file. */
#ifndef MKIMAGE_INSIDE_LOOP_H
#define MKIMAGE_INSIDE_LOOP_H

#include <stdbool.h>

/* Makes one, and looks for its partitions: its number, and *fd holds it; -1 with errno set. It goes
 * when nobody has it open any more, by whatever end. */
int loop_open(int file, bool read_only, int *fd);

#endif
