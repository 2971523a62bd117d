/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One name in one directory. */
#ifndef CORE_NTFS_LOOKUP_H
#define CORE_NTFS_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"

struct ntfs;
struct ntfs_inode;

/* Looks up one name (UTF-16LE units) in the directory `reference`. The name as stored goes to
 * `stored` (2 * NTFS_NAME_MAX bytes, may be `units` itself). ERR_NOT_FOUND without a name that
 * matches, or with several that differ only in case. */
MUST_CHECK enum err ntfs_lookup(struct ntfs *vol, uint64_t directory, const uint8_t *units,
                                uint8_t length, uint64_t *reference, uint8_t *stored,
                                uint8_t *stored_length, struct fail *f);

/* Is the name found by going down the directory's tree alone, as a boot record looks for it? The
 * same arguments as ntfs_lookup() takes. */
MUST_CHECK enum err ntfs_lookup_in_order(struct ntfs *vol, uint64_t directory, const uint8_t *units,
                                         uint8_t length, bool *found, struct fail *f);

/* Says why a reparse point cannot be followed; ERR_OK where the file is none. */
MUST_CHECK enum err ntfs_refuse_reparse(struct ntfs *vol, const struct ntfs_inode *inode,
                                        struct fail *f);

#endif
