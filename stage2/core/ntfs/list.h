/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attribute lists as bytes: one checked entry after the other. */
#ifndef CORE_NTFS_LIST_H
#define CORE_NTFS_LIST_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"

struct ntfs_attr_key;
struct ntfs_list_entry;

/* Where a walk over a list stands. Zero `pos` to start. */
struct ntfs_list_walk {
    const uint8_t *list;
    uint32_t size;
    uint32_t pos;
    const struct ntfs_list_entry *entry; /* the one just found */
};

/* Goes to the next entry of this type and name (key->instance and lowest_vcn are not looked at, but
 * set from the entry). *found is false at the end. ERR_CORRUPT. */
MUST_CHECK enum err ntfs_list_next(struct ntfs_list_walk *walk, struct ntfs_attr_key *key,
                                   bool *found, struct fail *f);

#endif
