/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runlists: where an attribute's clusters lie. Decoded into an array that grows at the arena's top,
 * 16 bytes a run, neighbours merged. While one grows nothing else may be allocated there.
 */
#ifndef CORE_NTFS_RUNLIST_H
#define CORE_NTFS_RUNLIST_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/bounds.h"
#include "core/base/errors.h"

struct arena;

#define NTFS_HOLE UINT64_MAX

/* Ends where the next one starts, the last one at ntfs_runs.clusters. */
struct ntfs_run {
    uint64_t vcn;
    uint64_t lcn; /* or NTFS_HOLE */
};
static_assert(sizeof(struct ntfs_run) == 16);

struct ntfs_runs {
    struct ntfs_run *run;
    uint32_t count;
    uint64_t clusters;
};

/* What a runlist may say on this volume. */
struct ntfs_run_limits {
    uint64_t volume_clusters;
    uint64_t vcn_end;       /* the runs end before it: keeps byte offsets below 2^63 */
    bool minus_one_is_hole; /* NTFS 1.2 */
};

/* Decodes the mapping pairs of one piece, which must reach exactly up to VCN `end`, behind those
 * that `runs` has. ERR_CORRUPT, ERR_MEMORY. */
MUST_CHECK enum err ntfs_runs_decode(struct ntfs_runs *runs, struct arena *a, struct view pairs,
                                     uint64_t end, const struct ntfs_run_limits *limits,
                                     struct fail *f);

/* The run that holds `vcn` (< clusters): its LCN there or NTFS_HOLE, and the clusters left. */
void ntfs_runs_find(const struct ntfs_runs *runs, uint64_t vcn, uint64_t *lcn, uint64_t *count);

/* Clusters of run `index`. */
uint64_t ntfs_run_length(const struct ntfs_runs *runs, uint32_t index);

/*
 * Looks for a cluster that belongs to two of the runs, or to one of them and to `other` or the
 * volume's first `reserved` clusters. *cluster is one such, or NTFS_HOLE where there is none. Sorts
 * a copy in the arena unless all is in order already; ERR_MEMORY.
 */
MUST_CHECK enum err ntfs_runs_shared(const struct ntfs_runs *runs, const struct ntfs_runs *other,
                                     uint64_t reserved, struct arena *a, uint64_t *cluster,
                                     struct fail *f);

#endif
