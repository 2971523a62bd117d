/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes to a disk that are not kept: in a file without a name, which goes when it is closed, by
 * whatever end. Memory is a bit for each 4 KiB that were changed.
 */
#ifndef MKIMAGE_SERVE_DISCARD_H
#define MKIMAGE_SERVE_DISCARD_H

#include <stdint.h>
#include "core/base/errors.h"
#include "serve/above.h"

/* The file lies in $TMPDIR, else in /var/tmp. NULL with the reason in `f`. */
struct above *discard_open(uint64_t size, struct fail *f);

#endif
