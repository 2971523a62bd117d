/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs are chosen from $Bitmap as libntfs-3g has it at the moment; what is chosen stays free
 * until place_claim. No content is written here: fill.c does that.
 */
#include "ntfs/place.h"
#include <errno.h>
#include <stdlib.h>
#include "cli/bytes.h"
#include "ntfs/libntfs.h"

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

enum status place_claim(struct volume *v, const struct placement *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (ntfs_bitmap_set_run(v->ntfs->lcnbmp_na, (s64)p->piece[i].lcn, (s64)p->piece[i].count))
            return volume_failed(v, "$Bitmap", "cannot be written");
        v->ntfs->free_clusters -= (s64)p->piece[i].count;
    }
    return STATUS_OK;
}

static runlist_element *runlist_of(const struct placement *p)
{
    runlist_element *rl = calloc((size_t)p->count + 1, sizeof *rl);
    VCN vcn = 0;
    for (uint32_t i = 0; rl && i < p->count; i++) {
        rl[i] = (runlist_element){vcn, (LCN)p->piece[i].lcn, (s64)p->piece[i].count};
        vcn += (VCN)p->piece[i].count;
    }
    if (rl)
        rl[p->count] = (runlist_element){vcn, LCN_ENOENT, 0};
    return rl;
}

/* Sets the sizes in the attribute's first record. */
static bool set_sizes(ntfs_inode *inode, s64 size, s64 allocated)
{
    ntfs_attr_search_ctx *ctx = ntfs_attr_get_search_ctx(inode, NULL);
    if (!ctx)
        return false;
    bool ok = !ntfs_attr_lookup(AT_DATA, AT_UNNAMED, 0, CASE_SENSITIVE, 0, NULL, 0, ctx);
    if (ok) {
        ctx->attr->data_size = cpu_to_sle64(size);
        ctx->attr->initialized_size = cpu_to_sle64(size);
        ctx->attr->allocated_size = cpu_to_sle64(allocated);
        ntfs_inode_mark_dirty(ctx->ntfs_ino);
    }
    ntfs_attr_put_search_ctx(ctx);
    return ok;
}

/* An empty non-resident $DATA in place of whatever the file has, if that is anything else than
 * plain and non-resident. */
static bool make_plain(ntfs_inode *inode)
{
    ntfs_attr *attr = ntfs_attr_open(inode, AT_DATA, AT_UNNAMED, 0);
    if (attr) {
        bool plain = NAttrNonResident(attr) && !attr->data_flags;
        if (plain || ntfs_attr_rm(attr)) {
            ntfs_attr_close(attr);
            return plain;
        }
        ntfs_attr_close(attr);
    }
    inode->flags &= ~(FILE_ATTR_COMPRESSED | FILE_ATTR_SPARSE_FILE);
    return ntfs_non_resident_attr_record_add(inode, AT_DATA, AT_UNNAMED, 0, 0, 8,
                                             const_cpu_to_le16(0)) >= 0;
}

/* Gives the attribute the new runs, of which those before cluster `from` are the ones that it has;
 * the old ones come back in *old. */
static bool set_runs(ntfs_inode *inode, const struct placement *p, VCN from, s64 size,
                     uint32_t cluster_size, runlist_element **old)
{
    ntfs_attr *attr = ntfs_attr_open(inode, AT_DATA, AT_UNNAMED, 0);
    runlist_element *rl = runlist_of(p);
    if (!attr || !rl || ntfs_attr_map_whole_runlist(attr)) {
        free(rl);
        if (attr)
            ntfs_attr_close(attr);
        return false;
    }
    s64 clusters = 0;
    for (uint32_t i = 0; i < p->count; i++)
        clusters += (s64)p->piece[i].count;
    *old = attr->rl;
    attr->rl = rl;
    attr->allocated_size = clusters * cluster_size;
    attr->data_size = attr->initialized_size = size;
    NAttrSetFullyMapped(attr);
    bool ok =
        !ntfs_attr_update_mapping_pairs(attr, from) && set_sizes(inode, size, attr->allocated_size);
    int keep = errno;
    inode->data_size = size;
    inode->allocated_size = attr->allocated_size;
    NInoFileNameSetDirty(inode);
    ntfs_attr_close(attr);
    ntfs_inode_update_times(inode, NTFS_UPDATE_MCTIME);
    errno = keep;
    return ok;
}

/* Closes the inode and says what failed, if anything did. */
static enum status set_down(struct volume *v, const char *path, ntfs_inode *inode, bool ok)
{
    int keep = errno;
    if (ntfs_inode_close(inode) && ok) {
        ok = false;
        keep = errno;
    }
    errno = keep;
    return ok ? STATUS_OK : volume_failed(v, path, "cannot be placed");
}

enum status place_file(struct volume *v, const char *path, uint64_t size, const struct placement *p)
{
    ntfs_inode *inode = volume_open_or_create(v, path);
    if (!inode)
        return STATUS_FAILED;
    runlist_element *old = NULL;
    bool ok = make_plain(inode) && set_runs(inode, p, 0, (s64)size, v->cluster_size, &old);
    enum status status = set_down(v, path, inode, ok);
    /* Only now, when nothing refers to them any more. */
    if (!status && old && old->length && ntfs_cluster_free_from_rl(v->ntfs, old))
        status = volume_failed(v, path, "its old clusters cannot be freed");
    free(old);
    return status;
}

enum status place_extend(struct volume *v, const char *path, const struct placement *p,
                         const struct placement *old)
{
    ntfs_inode *inode = volume_open_file(v, path);
    if (!inode)
        return STATUS_FAILED;
    VCN from = 0;
    for (uint32_t i = 0; i < old->count; i++)
        from += (VCN)old->piece[i].count;
    runlist_element *runs = NULL;
    bool ok = set_runs(inode, p, from, inode->data_size, v->cluster_size, &runs);
    free(runs);
    return set_down(v, path, inode, ok);
}

enum status place_resize(struct volume *v, const char *path, uint64_t size)
{
    ntfs_inode *inode = volume_open_file(v, path);
    if (!inode)
        return STATUS_FAILED;
    ntfs_attr *attr = ntfs_attr_open(inode, AT_DATA, AT_UNNAMED, 0);
    bool ok = attr && !ntfs_attr_map_whole_runlist(attr);
    s64 allocated = 0; /* by the runs: a cut place_extend may have left another figure */
    for (const runlist_element *rl = ok ? attr->rl : NULL; rl && rl->length; rl++)
        allocated += rl->length * v->cluster_size;
    if (attr)
        ntfs_attr_close(attr);
    ok = ok && set_sizes(inode, (s64)size, allocated);
    inode->data_size = (s64)size;
    inode->allocated_size = allocated;
    NInoFileNameSetDirty(inode);
    ntfs_inode_update_times(inode, NTFS_UPDATE_MCTIME);
    return set_down(v, path, inode, ok);
}

enum status place_is_simple(struct volume *v, const char *path, bool *simple)
{
    ntfs_inode *inode = volume_open_file(v, path);
    if (!inode)
        return STATUS_FAILED;
    *simple = !NInoAttrList(inode);
    return set_down(v, path, inode, true);
}

void placement_free(struct placement *p)
{
    free(p->piece);
    *p = (struct placement){0};
}
