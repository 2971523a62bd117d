/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Raw disks: the disk's sectors and nothing else, as `dd` writes them. Nothing in such a file says
 * that it is one, so what is known to be something else is never taken for it.
 */
#ifndef CORE_RAW_RAW_H
#define CORE_RAW_RAW_H

#include <stdbool.h>
#include "core/base/errors.h"
#include "core/base/image.h"

struct file;

/* May a file of this name, in which neither a VHD nor a VHDX was found, be a raw disk: is it named
 * like one (*.img, *.raw), or does its first sector end in 55AAh? Never where it is named like an
 * image of another format: such a file is a damaged one. Reads at most one sector. */
MUST_CHECK enum err raw_probe(struct file *file, const char *name, bool *is_raw, struct fail *f);

/* Opens `file` as a raw disk. ERR_IMAGE where it is no whole number of sectors or has an empty
 * VHD's header, ERR_UNSUPPORTED where it is an image of a format that is not read. */
MUST_CHECK enum err raw_open(struct image *image, struct file *file, struct fail *f);

#endif
