/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks on image files as QEMU and its tools take them, so that neither writes what the other has
 * open: read locks on single bytes, one for each thing that is done (from byte 100 on) and for each
 * that nobody else may do meanwhile (from byte 200 on). They belong to the open file and go with
 * it.
 */
#ifndef MKIMAGE_SERVE_LOCK_H
#define MKIMAGE_SERVE_LOCK_H

#include <stdbool.h>
#include "core/base/errors.h"

/* Takes the locks of a reader or a writer. ERR_WRITE where another program holds others. A file
 * system that knows no such locks is no failure. */
MUST_CHECK enum err lock_image(int fd, bool write, const char *path, struct fail *f);

#endif
