/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decodes mapping pairs, finds clusters by halving, and looks for clusters with two owners. */
#include "core/ntfs/runlist.h"
#include "core/base/arena.h"
#include "core/base/sort.h"

/* Adds `count` clusters at lcn behind the last run. */
static enum err append(struct ntfs_runs *runs, struct arena *a, uint64_t lcn, uint64_t count,
                       struct fail *f)
{
    if (runs->count) {
        const struct ntfs_run *last = &runs->run[runs->count - 1];
        uint64_t length = runs->clusters - last->vcn;
        bool joins = lcn == NTFS_HOLE ? last->lcn == NTFS_HOLE
                                      : last->lcn != NTFS_HOLE && last->lcn + length == lcn;
        if (joins) {
            runs->clusters += count;
            return ERR_OK;
        }
    }

    struct ntfs_run *run = arena_alloc(a, sizeof *run);
    if (!run)
        return fail(f, ERR_MEMORY, "memory ended after %u runs of a fragmented file", runs->count);
    if (!runs->count)
        runs->run = run;
    else if (run != runs->run + runs->count)
        return fail(f, ERR_MEMORY, "memory is not in one piece after %u runs", runs->count);
    *run = (struct ntfs_run){.vcn = runs->clusters, .lcn = lcn};
    runs->count++;
    runs->clusters += count;
    return ERR_OK;
}

/* `size` (0..8) bytes, little-endian, signed. */
static int64_t signed_field(const uint8_t *bytes, unsigned size)
{
    if (!size)
        return 0;
    uint64_t v = bytes[size - 1] & 0x80 ? UINT64_MAX : 0;
    for (unsigned i = size; i; i--)
        v = v << 8 | bytes[i - 1];
    return (int64_t)v;
}

/* One mapping pair. *lcn is the running LCN of the piece; it stays where it is in a hole. */
static enum err pair(struct ntfs_runs *runs, struct arena *a, int64_t count, const int64_t *delta,
                     uint64_t *lcn, const struct ntfs_run_limits *limits, struct fail *f)
{
    if (count < 0)
        return fail(f, ERR_CORRUPT, "a run has a negative length at VCN %u", runs->clusters);
    if (!count && !delta)
        return ERR_OK; /* some writers leave empty holes behind */
    if (!count)
        return fail(f, ERR_CORRUPT, "a run has no length at VCN %u", runs->clusters);
    if (!range_ok(runs->clusters, (uint64_t)count, limits->vcn_end))
        return fail(f, ERR_CORRUPT, "a run is longer than a file can be at VCN %u", runs->clusters);
    if (!delta)
        return append(runs, a, NTFS_HOLE, (uint64_t)count, f);

    *lcn += (uint64_t)*delta; /* may wrap: then the check below fails */
    if (limits->minus_one_is_hole && *lcn == UINT64_MAX)
        return append(runs, a, NTFS_HOLE, (uint64_t)count, f);
    if (!range_ok(*lcn, (uint64_t)count, limits->volume_clusters))
        return fail(f, ERR_CORRUPT, "a run leaves the volume at VCN %u", runs->clusters);
    return append(runs, a, *lcn, (uint64_t)count, f);
}

enum err ntfs_runs_decode(struct ntfs_runs *runs, struct arena *a, struct view pairs, uint64_t end,
                          const struct ntfs_run_limits *limits, struct fail *f)
{
    uint64_t lcn = 0; /* deltas start again in every piece */
    size_t pos = 0;
    for (;;) { /* ends: pos grows and is bounded by the view */
        const uint8_t *head = view_at(pairs, pos, 1);
        if (!head)
            return fail(f, ERR_CORRUPT, "a runlist has no end after VCN %u", runs->clusters);
        if (!*head)
            break;

        unsigned length_size = *head & 15;
        unsigned delta_size = *head >> 4;
        const uint8_t *fields = view_at(pairs, pos + 1, length_size + delta_size);
        if (!length_size || length_size > 8 || delta_size > 8 || !fields)
            return fail(f, ERR_CORRUPT, "a runlist has a malformed pair at VCN %u", runs->clusters);
        pos += 1 + length_size + delta_size;

        int64_t count = signed_field(fields, length_size);
        int64_t delta = signed_field(fields + length_size, delta_size);
        enum err err = pair(runs, a, count, delta_size ? &delta : NULL, &lcn, limits, f);
        if (err)
            return err;
    }
    if (runs->clusters != end)
        return fail(f, ERR_CORRUPT, "a runlist ends at VCN %u, not where its header says",
                    runs->clusters);
    return ERR_OK;
}

uint64_t ntfs_run_length(const struct ntfs_runs *runs, uint32_t index)
{
    uint64_t end = index + 1 < runs->count ? runs->run[index + 1].vcn : runs->clusters;
    return end - runs->run[index].vcn;
}

void ntfs_runs_find(const struct ntfs_runs *runs, uint64_t vcn, uint64_t *lcn, uint64_t *count)
{
    uint32_t low = 0;
    uint32_t high = runs->count;
    while (high - low > 1) { /* ends: the interval shrinks; run[low].vcn <= vcn throughout */
        uint32_t middle = low + (high - low) / 2;
        if (runs->run[middle].vcn <= vcn)
            low = middle;
        else
            high = middle;
    }
    uint64_t skip = vcn - runs->run[low].vcn;
    *lcn = runs->run[low].lcn == NTFS_HOLE ? NTFS_HOLE : runs->run[low].lcn + skip;
    *count = ntfs_run_length(runs, low) - skip;
}

/* A run by its place on the volume, for sorting. */
struct place {
    uint64_t lcn, count;
};
static_assert(sizeof(struct place) <= SORT_ITEM_MAX);

/* By cluster; of two at one, the empty one comes first, which shares nothing with the other. */
static bool place_before(const void *first, const void *second)
{
    const struct place *a = first, *b = second;
    return a->lcn != b->lcn ? a->lcn < b->lcn : a->count < b->count;
}

/* Adds the runs that are no holes; false where that leaves the places unsorted. */
static bool add_places(struct place *place, uint32_t *count, const struct ntfs_runs *runs)
{
    bool sorted = true;
    for (uint32_t i = 0; i < runs->count; i++) {
        if (runs->run[i].lcn == NTFS_HOLE)
            continue;
        place[*count] = (struct place){runs->run[i].lcn, ntfs_run_length(runs, i)};
        sorted = sorted && place[*count - 1].lcn <= place[*count].lcn;
        (*count)++;
    }
    return sorted;
}

enum err ntfs_runs_shared(const struct ntfs_runs *runs, const struct ntfs_runs *other,
                          uint64_t reserved, struct arena *a, uint64_t *cluster, struct fail *f)
{
    *cluster = NTFS_HOLE;
    size_t mark = arena_mark(a);
    struct place *place = arena_array(a, 1 + (uint64_t)other->count + runs->count, sizeof *place);
    if (!place)
        return fail(f, ERR_MEMORY, "no memory to sort the %u runs of a fragmented file",
                    runs->count);

    uint32_t count = 1;
    place[0] = (struct place){0, reserved};
    bool sorted = add_places(place, &count, other);
    if (!add_places(place, &count, runs) || !sorted)
        sort_items(place, count, sizeof *place, place_before);
    for (uint32_t i = 1; i < count; i++) {
        if (place[i].lcn - place[i - 1].lcn < place[i - 1].count)
            *cluster = place[i].lcn;
    }
    arena_release(a, mark);
    return ERR_OK;
}
