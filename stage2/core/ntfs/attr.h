/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One attribute: put together from its pieces, and read. The pieces must join without gap or
 * overlap; where they are found is not asked here, but by inode.c and, for $MFT's own, mft.c.
 */
#ifndef CORE_NTFS_ATTR_H
#define CORE_NTFS_ATTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/errors.h"
#include "core/ntfs/runlist.h"

struct ntfs;
struct ntfs_attr_header;

struct ntfs_attr {
    bool present;
    bool resident;
    uint16_t flags;
    uint8_t compression_unit;
    uint64_t size;         /* bytes */
    uint64_t initialized;  /* bytes; all after it read as zero */
    struct ntfs_runs runs; /* non-resident */
    uint8_t *value;        /* resident: `size` bytes */
};

/* A file's base record and its attribute list. */
struct ntfs_inode {
    uint64_t number;
    uint16_t sequence;
    bool directory;
    uint8_t *record;
    const uint8_t *list; /* NULL: none */
    uint32_t list_size;
};

/* Starts `attr` with its first piece, or adds the next one. */
MUST_CHECK enum err ntfs_attr_add_piece(struct ntfs *vol, struct ntfs_attr *attr,
                                        const struct ntfs_attr_header *head, struct fail *f);

/* Have all pieces been added? ERR_CORRUPT where the runs end before the data does. */
MUST_CHECK enum err ntfs_attr_check_whole(struct ntfs *vol, const struct ntfs_attr *attr,
                                          struct fail *f);

/* Reads [off, off + len) of an attribute that is neither compressed nor encrypted. */
MUST_CHECK enum err ntfs_attr_read(struct ntfs *vol, const struct ntfs_attr *attr, uint64_t off,
                                   void *buf, uint32_t len, struct fail *f);

/* Moves what ntfs_attr_open() allocated last down to `mark`; everything between is released. */
void ntfs_attr_keep(struct ntfs *vol, struct ntfs_attr *attr, size_t mark);

/* Reads inode->list if the record that was loaded has one. */
MUST_CHECK enum err ntfs_list_load(struct ntfs *vol, struct ntfs_inode *inode, struct fail *f);

#endif
