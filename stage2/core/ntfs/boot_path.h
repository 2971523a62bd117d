/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a boot record meets on its way to a file of the root directory. It has less room than core
 * and does not get around a damaged order; whoever promises a start has to ask here.
 */
#ifndef CORE_NTFS_BOOT_PATH_H
#define CORE_NTFS_BOOT_PATH_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"

struct ntfs;

struct ntfs_boot_path {
    uint32_t mft_runs;   /* fragments of $MFT, which the boot record keeps in a table */
    uint32_t root_runs;  /* of the root directory's index */
    uint32_t file_runs;  /* of the file */
    uint32_t list_bytes; /* the longest attribute list of the three */
    bool in_order;       /* the name is found by going down the index's tree */
};

/* Measures the way to `name`, one ASCII name in the root directory, which ntfs_open() finds.
 * ERR_CORRUPT, ERR_IO, ERR_MEMORY; ERR_NOT_FOUND without such a name. */
MUST_CHECK enum err ntfs_boot_path_measure(struct ntfs *vol, const char *name,
                                           struct ntfs_boot_path *path, struct fail *f);

#endif
