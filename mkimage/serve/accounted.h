/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Can the free clusters of an NTFS volume be believed to be needed by nobody? Only reads. */
#ifndef MKIMAGE_SERVE_ACCOUNTED_H
#define MKIMAGE_SERVE_ACCOUNTED_H

#include "core/base/errors.h"
#include "core/base/file.h"
#include "core/ntfs/ntfs.h"

/*
 * ERR_OK where $Bitmap, open as `bitmap`, is whole, counts every cluster that any record of $MFT
 * names, and the volume has no shadow copies, which need clusters that are free. Else a sentence
 * that fits behind the volume's name.
 */
MUST_CHECK enum err accounted_check(struct ntfs *vol, struct file *bitmap, struct fail *f);

#endif
