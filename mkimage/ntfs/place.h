/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts files on an NTFS volume in as few pieces as it allows: one, where a free run is large
 * enough. The whole file is allocated and counts as written (initialised size = data size), so its
 * sectors can be mapped and written in place.
 */
#ifndef MKIMAGE_NTFS_PLACE_H
#define MKIMAGE_NTFS_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/say.h"
#include "host/summing.h"
#include "ntfs/volume.h"

struct piece {
    uint64_t lcn, count; /* clusters */
};

struct placement {
    struct piece *piece; /* in the order of the file */
    uint32_t count;
};

/* Chooses free clusters for a file of `size` bytes. Nothing is marked as used yet. */
enum status place_find(struct volume *v, uint64_t size, struct placement *p);

/* The clusters that a plain file has; those beyond its size too. */
enum status place_read(struct volume *v, const char *path, struct placement *p);

/* Chooses free clusters that make the file `p` hold `size` bytes, and adds them to it: right behind
 * its last one where there is room, else as place_find does. The new ones by themselves are `more`.
 */
enum status place_find_more(struct volume *v, uint64_t size, struct placement *p,
                            struct placement *more);

/* The same in exactly `pieces` pieces that do not touch: for tests. With `scatter` they lie out of
 * order. */
enum status place_find_pieces(struct volume *v, uint64_t size, uint32_t pieces, bool scatter,
                              struct placement *p);

/* Marks the clusters as used. */
enum status place_claim(struct volume *v, const struct placement *p);

/*
 * Makes the file (which may exist: then it gets these clusters for its old ones, which become free)
 * of `size` bytes on the claimed clusters. The clusters' content is the caller's: see place_fill.
 */
enum status place_file(struct volume *v, const char *path, uint64_t size,
                       const struct placement *p);

/* Gives a file claimed clusters behind its own: `p` are all of them, `old` those it has. Its size
 * stays, so that this and place_resize may each be cut off. */
enum status place_extend(struct volume *v, const char *path, const struct placement *p,
                         const struct placement *old);

/* Makes a file shorter: to `size`, and to the clusters that this takes; the others become free. */
enum status place_truncate(struct volume *v, const char *path, uint64_t size);

/* A file's size, inside the clusters that it has: all of it counts as written. */
enum status place_resize(struct volume *v, const char *path, uint64_t size);

/* Are the file's runs all in its own record? Then new ones take one change of it. */
enum status place_is_simple(struct volume *v, const char *path, bool *simple);

/* Writes `size` bytes from `off` of the file on; zeros where `data` is NULL. */
enum status place_write(struct volume *v, const struct placement *p, uint64_t off, const void *data,
                        uint64_t size);

/* What a file is to hold, from front to back. */
struct place_content {
    uint64_t size;
    /* From byte `off` on: zeros up to *data, then bytes up to *end; one of them is beyond `off`. */
    void (*extent)(void *ctx, uint64_t off, uint64_t *data, uint64_t *end);
    enum status (*read)(void *ctx, uint64_t off, void *buf, uint32_t size); /* says what failed */
    void *ctx;
    bool looks;    /* blocks of zeros in what is read count as holes: `extent` knows of none */
    int fd;        /* a file of the host */
    uint64_t same; /* whose first bytes are the same; 0: there is none */
};

/* Writes it to the clusters, and zeros where it has holes and up to the end of the last cluster.
 * `sum` gets what is in the file then; NULL: nobody wants to know. */
enum status place_fill(struct volume *v, const struct placement *p,
                       const struct place_content *content, struct summing *sum);

/* The same from memory, without a sum. */
enum status place_fill_memory(struct volume *v, const struct placement *p, const void *data,
                              size_t size);

void placement_free(struct placement *p);

/* Gives the blocks of a folder's index the clusters `p`, which are claimed, in place of those they
 * have; `size` bytes. False with errno set. */
bool place_index(struct _ntfs_inode *folder, const struct placement *p, uint64_t size);

#endif
