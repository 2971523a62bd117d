/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file by its number: its base record, and its attributes wherever their pieces lie: in that
 * record, or, through an attribute list, in extension records. An opened attribute is whole.
 */
#ifndef CORE_NTFS_INODE_H
#define CORE_NTFS_INODE_H

#include <stdint.h>
#include "core/base/errors.h"

struct ntfs;
struct ntfs_attr;
struct ntfs_inode;

/* Opens the file that `reference` names; memory from vol->arena. ERR_CORRUPT where the record is
 * free, reused, an extension of another, or malformed. */
MUST_CHECK enum err ntfs_inode_open(struct ntfs *vol, uint64_t reference, struct ntfs_inode *inode,
                                    struct fail *f);

/*
 * Opens an attribute by type and name (UTF-16LE units); `present` stays false where there is none.
 * Its runs, or its value, are the last thing that the arena gave away.
 */
MUST_CHECK enum err ntfs_attr_open(struct ntfs *vol, const struct ntfs_inode *inode, uint32_t type,
                                   const uint8_t *name, uint8_t name_length, struct ntfs_attr *attr,
                                   struct fail *f);

#endif
