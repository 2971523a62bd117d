/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which clusters a file has, and which it could get. They are chosen from $Bitmap as libntfs-3g has
 * it at the moment, and stay free until place_claim: nothing is changed here.
 */
#include <errno.h>
#include <stdlib.h>
#include "cli/bytes.h"
#include "cli/say.h"
#include "ntfs/libntfs.h"
#include "ntfs/place.h"
#include "ntfs/volume.h"

/* Left free behind the MFT where there is a choice, so that it can grow in one piece. */
#define MFT_ROOM  ((uint64_t)1 << 20)

/* A file starts on this boundary of the device where its run has room for that: partitions inside a
 * virtual disk are aligned alike, and then so are its writes on the flash. */
#define ALIGNMENT ((uint64_t)1 << 20)

struct runs {
    struct piece *run;
    size_t count, capacity;
};

static bool runs_add(struct runs *runs, uint64_t lcn, uint64_t count)
{
    if (runs->count == runs->capacity) {
        size_t capacity = runs->capacity ? 2 * runs->capacity : 64;
        struct piece *run = realloc(runs->run, capacity * sizeof *run);
        if (!run)
            return false;
        runs->run = run;
        runs->capacity = capacity;
    }
    runs->run[runs->count++] = (struct piece){lcn, count};
    return true;
}

/* The free clusters in [from, to) as runs, joined to a last run that ends at `from`. */
static bool scan(struct volume *v, struct runs *runs, uint64_t from, uint64_t to)
{
    enum { WINDOW = 1 << 20 }; /* bytes of $Bitmap at once */
    uint8_t *bits = malloc(WINDOW);
    bool ok = bits;
    uint64_t start = UINT64_MAX; /* of the free run that goes on */
    for (uint64_t base = from / 8; ok && base * 8 < to; base += WINDOW) {
        uint64_t left = (to + 7) / 8 - base;
        s64 n = left < WINDOW ? (s64)left : WINDOW;
        ok = ntfs_attr_pread(v->ntfs->lcnbmp_na, (s64)base, n, bits) == n;
        for (uint64_t lcn = base * 8; ok && lcn < (base + (uint64_t)n) * 8 && lcn < to; lcn++) {
            uint8_t byte = bits[lcn / 8 - base];
            if (!(lcn % 8) && byte == (start == UINT64_MAX ? 0xff : 0) && lcn + 8 <= to) {
                lcn += 7; /* eight alike that change nothing */
                continue;
            }
            bool used = byte >> lcn % 8 & 1 || lcn < from;
            if (!used && start == UINT64_MAX) {
                start = lcn;
            } else if (used && start != UINT64_MAX) {
                ok = runs_add(runs, start, lcn - start);
                start = UINT64_MAX;
            }
        }
    }
    if (ok && start != UINT64_MAX)
        ok = runs_add(runs, start, to - start);
    free(bits);
    return ok;
}

/* Free runs of the volume; with `spare_mft` without the room behind the MFT. */
static bool free_runs(struct volume *v, struct runs *runs, bool spare_mft)
{
    *runs = (struct runs){0};
    uint64_t clusters = (uint64_t)v->ntfs->nr_clusters;
    uint64_t room = MFT_ROOM / v->cluster_size;
    uint64_t mft_end = 0;
    if (spare_mft && !ntfs_attr_map_whole_runlist(v->ntfs->mft_na)) {
        const runlist_element *rl = v->ntfs->mft_na->rl;
        for (; rl && rl->length; rl++)
            mft_end = (uint64_t)(rl->lcn + rl->length);
    }
    if (!spare_mft || !mft_end || room >= clusters - mft_end)
        return scan(v, runs, 0, clusters);
    return scan(v, runs, 0, mft_end) && scan(v, runs, mft_end + room, clusters);
}

static int largest_first(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return x->lcn < y->lcn ? -1 : 1;
}

static int by_lcn(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    return x->lcn < y->lcn ? -1 : 1;
}

/* The start inside `run` where `need` clusters lie aligned on the device, if they fit so. */
static uint64_t aligned(const struct volume *v, const struct piece *run, uint64_t need)
{
    uint64_t byte = v->start + run->lcn * v->cluster_size;
    uint64_t skip = (ALIGNMENT - byte % ALIGNMENT) % ALIGNMENT;
    if (skip % v->cluster_size || need * v->cluster_size < ALIGNMENT)
        return run->lcn;
    skip /= v->cluster_size;
    return skip <= run->count && need <= run->count - skip ? run->lcn + skip : run->lcn;
}

/*
 * Takes `need` clusters out of `runs` (sorted, largest first): the smallest run that holds them
 * all, else the largest one and on with the rest, which gives the fewest pieces.
 */
static bool choose(const struct volume *v, const struct runs *runs, uint64_t need, struct runs *out)
{
    size_t next = 0;
    while (need && next < runs->count) {
        size_t fit = next;
        while (fit + 1 < runs->count && runs->run[fit + 1].count >= need)
            fit++;
        const struct piece *run = &runs->run[runs->run[fit].count >= need ? fit : next];
        uint64_t n = run->count < need ? run->count : need;
        if (!runs_add(out, n == need ? aligned(v, run, n) : run->lcn, n))
            return false;
        need -= n;
        next++;
    }
    return !need;
}

static enum status no_room(const struct volume *v, uint64_t need)
{
    return say_error("Make room on the volume, or choose a larger one.",
                     "%s: the volume has no room for %s: %s are free", v->device->path,
                     bytes_text(need), bytes_text(volume_free(v)));
}

enum status place_find(struct volume *v, uint64_t size, struct placement *p)
{
    uint64_t need = (size + v->cluster_size - 1) / v->cluster_size;
    struct runs out = {0};
    bool found = false;
    for (int spare = 1; spare >= 0 && !found; spare--) {
        struct runs runs;
        if (!free_runs(v, &runs, spare)) {
            free(runs.run);
            return volume_failed(v, "$Bitmap", "cannot be read");
        }
        if (runs.count)
            qsort(runs.run, runs.count, sizeof runs.run[0], largest_first);
        out.count = 0;
        found = choose(v, &runs, need, &out);
        free(runs.run);
    }
    *p = (struct placement){out.run, (uint32_t)out.count};
    if (!found) {
        placement_free(p);
        return no_room(v, size);
    }
    if (out.count)
        qsort(out.run, out.count, sizeof out.run[0], by_lcn);
    return STATUS_OK;
}

enum status place_read(struct volume *v, const char *path, struct placement *p)
{
    *p = (struct placement){0};
    ntfs_inode *inode = volume_open_file(v, path);
    if (!inode)
        return STATUS_FAILED;
    ntfs_attr *attr = ntfs_attr_open(inode, AT_DATA, AT_UNNAMED, 0);
    struct runs out = {0};
    bool ok = attr && NAttrNonResident(attr) && !ntfs_attr_map_whole_runlist(attr);
    for (const runlist_element *rl = ok ? attr->rl : NULL; ok && rl && rl->length; rl++) {
        errno = EOPNOTSUPP; /* a hole */
        ok = rl->lcn >= 0 && runs_add(&out, (uint64_t)rl->lcn, (uint64_t)rl->length);
    }
    int keep = errno;
    if (attr)
        ntfs_attr_close(attr);
    ntfs_inode_close(inode);
    *p = (struct placement){out.run, (uint32_t)out.count};
    errno = keep;
    return ok ? STATUS_OK : volume_failed(v, path, "its clusters cannot be listed");
}

/* Takes the run right behind the cluster `last`, where it holds all of it. */
static enum status find_behind(struct volume *v, uint64_t last, uint64_t need, struct placement *p)
{
    struct runs runs;
    bool ok = free_runs(v, &runs, true);
    struct piece found = {0};
    for (size_t i = 0; ok && i < runs.count; i++) {
        if (runs.run[i].lcn == last + 1 && runs.run[i].count >= need)
            found = (struct piece){last + 1, need};
    }
    free(runs.run);
    if (!ok)
        return volume_failed(v, "$Bitmap", "cannot be read");
    if (!found.count)
        return STATUS_OK;
    *p = (struct placement){malloc(sizeof found), 1};
    if (!p->piece)
        return say_no_memory();
    p->piece[0] = found;
    return STATUS_OK;
}

enum status place_find_more(struct volume *v, uint64_t size, struct placement *p,
                            struct placement *more)
{
    *more = (struct placement){0};
    uint64_t need = (size + v->cluster_size - 1) / v->cluster_size, have = 0;
    for (uint32_t i = 0; i < p->count; i++)
        have += p->piece[i].count;
    if (need <= have)
        return STATUS_OK;
    need -= have;
    const struct piece *end = p->count ? &p->piece[p->count - 1] : NULL;
    enum status status = end ? find_behind(v, end->lcn + end->count - 1, need, more) : STATUS_OK;
    if (!status && !more->count)
        status = place_find(v, need * v->cluster_size, more);
    if (status)
        return status;

    struct runs all = {p->piece, p->count, p->count};
    bool ok = true;
    for (uint32_t i = 0; ok && i < more->count; i++) {
        struct piece *last = all.count ? &all.run[all.count - 1] : NULL;
        if (last && last->lcn + last->count == more->piece[i].lcn)
            last->count += more->piece[i].count;
        else
            ok = runs_add(&all, more->piece[i].lcn, more->piece[i].count);
    }
    *p = (struct placement){all.run, (uint32_t)all.count};
    return ok ? STATUS_OK : say_no_memory();
}

/* Slot i of a scattered file: a permutation, as the step shares no factor with the count. */
static uint32_t permuted(uint32_t i, uint32_t count)
{
    uint64_t step = count / 2 + 1;
    for (;; step++) { /* ends: step = count + 1 is coprime */
        uint64_t a = step, b = count;
        while (b) {
            uint64_t rest = a % b;
            a = b;
            b = rest;
        }
        if (a == 1)
            return (uint32_t)(i * step % count);
    }
}

enum status place_find_pieces(struct volume *v, uint64_t size, uint32_t pieces, bool scatter,
                              struct placement *p)
{
    uint64_t need = (size + v->cluster_size - 1) / v->cluster_size;
    *p = (struct placement){0};
    if (!pieces || pieces > need)
        return say_error("Ask for fewer.", "%s: a file of %s has no %u pieces", v->device->path,
                         bytes_text(size), pieces);
    struct runs runs;
    bool ok = free_runs(v, &runs, true);
    if (ok && runs.count)
        qsort(runs.run, runs.count, sizeof runs.run[0], largest_first);
    if (!ok || !runs.count || runs.run[0].count < need + pieces) {
        free(runs.run);
        return no_room(v, (need + pieces) * v->cluster_size);
    }

    p->piece = calloc(pieces, sizeof p->piece[0]);
    p->count = pieces;
    uint64_t each = need / pieces, longer = need % pieces;
    for (uint32_t i = 0; p->piece && i < pieces; i++) {
        /* Slots are as long as the longest piece and a gap; the first `longer` pieces use it up. */
        uint32_t slot = scatter ? permuted(i, pieces) : i;
        uint64_t before = slot * (each + 1) + (slot < longer ? slot : longer);
        p->piece[i] = (struct piece){runs.run[0].lcn + before, each + (slot < longer)};
    }
    free(runs.run);
    return p->piece ? STATUS_OK : say_no_memory();
}

void placement_free(struct placement *p)
{
    free(p->piece);
    *p = (struct placement){0};
}
