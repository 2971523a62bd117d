/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disk images of other kinds, told apart so that the user learns what he has there. */
#ifndef CORE_CHAIN_FOREIGN_H
#define CORE_CHAIN_FOREIGN_H

#include <stdbool.h>
#include "core/base/errors.h"

struct file;

/* For a file that is neither VHD nor VHDX: ERR_FOREIGN with what it is, where that can be told.
 * ERR_OK: nobody knows, or the file was not written to its end. What
 * is to be taken for a raw disk (`is_raw`) may hold anything but an image of another program's:
 * writes to it as a disk would destroy that. */
MUST_CHECK enum err foreign_judge(struct file *file, bool is_raw, struct fail *f);

#endif
