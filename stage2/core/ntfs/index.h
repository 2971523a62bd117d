/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A directory's index: a B+tree of file names. Walks it in order from its start or from a name on,
 * or, where the order turns out to be damaged, block by block. Promises: ends on every tree, loops
 * included; every entry given out is checked.
 */
#ifndef CORE_NTFS_INDEX_H
#define CORE_NTFS_INDEX_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"
#include "core/ntfs/attr.h"
#include "core/ntfs/format.h"
#include "core/ntfs/upcase.h"

#define NTFS_INDEX_DEPTH 16

/* One node in memory. Offsets count from `entries`. */
struct ntfs_node {
    uint8_t *buf; /* an index block; NULL for the root, which lies in its attribute */
    const uint8_t *entries;
    uint32_t size;   /* bytes of entries, the last one included */
    uint32_t pos;    /* the entry at hand */
    uint32_t before; /* the one before it; `size` where there is none */
    uint32_t final;  /* the one before the last entry; `size` where the node is empty */
};

struct ntfs_index {
    struct ntfs *vol;
    struct ntfs_attr root, allocation, bitmap;
    uint32_t block_size;
    unsigned vcn_shift; /* log2 of bytes a VCN of this index */
    uint64_t blocks;    /* in the allocation */
    uint64_t visited;   /* blocks read: never more than there are */
    bool damaged;       /* names are not in order */
    bool given;         /* the entry at hand was given out */
    unsigned depth;     /* node[depth] is the one at hand */
    struct ntfs_node node[NTFS_INDEX_DEPTH + 1];
};

/* Opens a directory's index; memory from vol->arena, kept until the caller releases it. */
MUST_CHECK enum err ntfs_index_open(struct ntfs *vol, const struct ntfs_inode *inode,
                                    struct ntfs_index *index, struct fail *f);

/* Starts a walk: at the first name that is not before `from`, or at the first of all (NULL). */
MUST_CHECK enum err ntfs_index_seek(struct ntfs_index *index, const struct ntfs_name *from,
                                    struct fail *f);

/* The next entry in order; NULL at the end. It holds until the next call. */
MUST_CHECK enum err ntfs_index_next(struct ntfs_index *index, const struct ntfs_index_entry **entry,
                                    struct fail *f);

/* Calls `each` for every entry, in the order of the blocks; a false return ends the walk. */
MUST_CHECK enum err ntfs_index_scan(struct ntfs_index *index,
                                    bool (*each)(void *ctx, const struct ntfs_index_entry *entry),
                                    void *ctx, struct fail *f);

/* The key of an entry that is not a node's last. */
static inline const struct ntfs_file_name *ntfs_entry_key(const struct ntfs_index_entry *entry)
{
    return (const struct ntfs_file_name *)(entry + 1);
}

static inline struct ntfs_name ntfs_entry_name(const struct ntfs_index_entry *entry)
{
    const struct ntfs_file_name *key = ntfs_entry_key(entry);
    return (struct ntfs_name){(const uint8_t *)(key + 1), key->name_length};
}

#endif
