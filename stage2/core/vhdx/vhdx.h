/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VHDX images (Hyper-V since 2012): fixed, dynamic, differencing. Never writes; a log that was not
 * replayed is applied in memory to all that is read here.
 */
#ifndef CORE_VHDX_VHDX_H
#define CORE_VHDX_VHDX_H

#include <stdbool.h>
#include "core/base/errors.h"
#include "core/base/image.h"

struct arena;
struct file;

/* Does the file start like a VHDX? */
MUST_CHECK enum err vhdx_probe(struct file *file, bool *is_vhdx, struct fail *f);

/*
 * Opens `file` as a VHDX; ERR_IMAGE, ERR_UNSUPPORTED, ERR_LIMIT, ERR_MEMORY, ERR_READ. About 80 KiB
 * of `a` stay in use, and 4 KiB for each page in an unfinished log. A disk with sectors of 4096
 * bytes opens, so that it can be described; its `run` fails.
 */
MUST_CHECK enum err vhdx_open(struct image *image, struct file *file, struct arena *a,
                              struct fail *f);

#endif
