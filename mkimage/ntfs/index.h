/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A folder's index of names as it is on the volume at one moment: read whole, checked, and put into
 * other clusters. For folder.c.
 */
#ifndef MKIMAGE_NTFS_INDEX_H
#define MKIMAGE_NTFS_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "ntfs/place.h"
#include "ntfs/volume.h"

struct _ntfs_inode;
struct _ntfs_volume;

#define INDEX_NAME_UNITS 4         /* of "$I30" */
#define INDEX_BLOCK_MIN  2048      /* that index_write knows: smaller ones hold no two long names */
#define INDEX_SIZE_MAX   (1 << 28) /* bytes of blocks, for a million names and more */

struct index {
    uint8_t *root; /* the value of $INDEX_ROOT */
    size_t root_size;
    uint8_t *blocks; /* $INDEX_ALLOCATION, `block_size` each; what is no index block has no mark */
    uint64_t count;  /* 0: none, or more than INDEX_SIZE_MAX; then it is not written anew */
    uint32_t block_size;
    struct placement clusters; /* of $INDEX_ALLOCATION, and of $BITMAP where it is not resident */
    struct placement list;     /* of $ATTRIBUTE_LIST where it is not resident */
};

/* Allocated; also to be freed after a failure. False with errno set. */
bool index_read(struct _ntfs_inode *folder, struct index *x);
void index_free(struct index *x);

/* Is each name behind the one before it, by the volume's letters? Not where a change was cut off
 * that moves names from one block to another, or where the index is damaged. */
bool index_in_order(struct _ntfs_volume *ntfs, const struct index *x);

/* How many of the blocks that `before` uses, its root counted, have other names in `after`. */
uint64_t index_changed_blocks(const struct index *before, const struct index *after);

/* Entries are libntfs-3g's INDEX_ENTRY here. */

/* By the volume's letters, as entries are sorted: below, at or above 0. */
int index_compare(struct _ntfs_volume *ntfs, const void *entry, const void *other);

/* All names, in the tree's order; false where it is damaged, or a visit says so. */
typedef bool index_visitor(void *ctx, const void *entry);
bool index_walk(struct _ntfs_volume *ntfs, const struct index *x, index_visitor *visit, void *ctx);

/*
 * To blocks of INDEX_BLOCK_MIN bytes and more: writes the names of `x`, which is what the folder
 * has now, each once and in order, to clusters that are free, and has the folder's record lead
 * there. The clusters that the index had are neither written to nor freed. Where the volume has no
 * room, or the folder would need more than one record, nothing is changed, and *written is false.
 * False with errno set.
 */
bool index_write(struct volume *v, struct _ntfs_inode *folder, const struct index *x,
                 bool *written);

#endif
