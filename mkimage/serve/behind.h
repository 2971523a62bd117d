/* SPDX-License-Identifier: GPL-2.0-or-later */
/* May a disk end earlier? Not in front of a partition, nor of data that no partition tells of. */
#ifndef MKIMAGE_SERVE_BEHIND_H
#define MKIMAGE_SERVE_BEHIND_H

#include <stdbool.h>
#include <stdint.h>
#include "cli/say.h"

/* Refuses, and says why, where something of the image would lie behind its new `size`; `cut`: what
 * no partition tells of may go. Warns of a GPT, which has a copy at the disk's end. */
enum status behind_judge(const char *name, uint64_t size, bool cut);

#endif
