/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a file's own record says of its clusters, and what $Bitmap does. The order is such that a
 * cluster is never free and somebody's: claimed before it is given, freed when nothing has it. No
 * content is written here: fill.c does that.
 */
#include "ntfs/place.h"
#include <errno.h>
#include <stdlib.h>
#include "ntfs/index.h"
#include "ntfs/libntfs.h"

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
static bool set_sizes(const ntfs_attr *attr, s64 size, s64 allocated)
{
    ntfs_attr_search_ctx *ctx = ntfs_attr_get_search_ctx(attr->ni, NULL);
    if (!ctx)
        return false;
    bool ok =
        !ntfs_attr_lookup(attr->type, attr->name, attr->name_len, CASE_SENSITIVE, 0, NULL, 0, ctx);
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
static bool set_attr_runs(ntfs_attr *attr, const struct placement *p, VCN from, s64 size,
                          runlist_element **old)
{
    runlist_element *rl = runlist_of(p);
    if (!rl || ntfs_attr_map_whole_runlist(attr)) {
        free(rl);
        return false;
    }
    s64 clusters = 0;
    for (uint32_t i = 0; i < p->count; i++)
        clusters += (s64)p->piece[i].count;
    *old = attr->rl;
    attr->rl = rl;
    attr->allocated_size = clusters * attr->ni->vol->cluster_size;
    attr->data_size = attr->initialized_size = size;
    NAttrSetFullyMapped(attr);
    return !ntfs_attr_update_mapping_pairs(attr, from) &&
           set_sizes(attr, size, attr->allocated_size);
}

/* The same for a file's content. */
static bool set_runs(ntfs_inode *inode, const struct placement *p, VCN from, s64 size,
                     runlist_element **old)
{
    ntfs_attr *attr = ntfs_attr_open(inode, AT_DATA, AT_UNNAMED, 0);
    bool ok = attr && set_attr_runs(attr, p, from, size, old);
    int keep = errno;
    if (attr) {
        inode->data_size = size;
        inode->allocated_size = attr->allocated_size;
        NInoFileNameSetDirty(inode);
        ntfs_attr_close(attr);
        ntfs_inode_update_times(inode, NTFS_UPDATE_MCTIME);
    }
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
    bool ok = make_plain(inode) && set_runs(inode, p, 0, (s64)size, &old);
    enum status status = set_down(v, path, inode, ok);
    /* Only now, when nothing refers to them any more. */
    if (!status && old && old->length && ntfs_cluster_free_from_rl(v->ntfs, old))
        status = volume_failed(v, path, "its old clusters cannot be freed");
    free(old);
    return status;
}

bool place_index(struct _ntfs_inode *folder, const struct placement *p, uint64_t size)
{
    runlist_element *old = NULL;
    ntfs_attr *attr = ntfs_attr_open(folder, AT_INDEX_ALLOCATION, NTFS_INDEX_I30, INDEX_NAME_UNITS);
    bool ok = attr && set_attr_runs(attr, p, 0, (s64)size, &old);
    int keep = errno;
    if (attr)
        ntfs_attr_close(attr);
    free(old);
    errno = keep;
    return ok;
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
    bool ok = set_runs(inode, p, from, inode->data_size, &runs);
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
    ok = ok && set_sizes(attr, (s64)size, allocated);
    if (attr)
        ntfs_attr_close(attr);
    inode->data_size = (s64)size;
    inode->allocated_size = allocated;
    NInoFileNameSetDirty(inode);
    ntfs_inode_update_times(inode, NTFS_UPDATE_MCTIME);
    return set_down(v, path, inode, ok);
}

/* The first clusters of `all` that hold `size` bytes; the rest of them. */
static bool split(const struct placement *all, uint64_t size, uint32_t cluster_size,
                  struct placement *keep, struct placement *rest)
{
    uint64_t left = (size + cluster_size - 1) / cluster_size;
    keep->piece = calloc(all->count + 1, sizeof *keep->piece);
    rest->piece = calloc(all->count + 1, sizeof *rest->piece);
    for (uint32_t i = 0; keep->piece && rest->piece && i < all->count; i++) {
        struct piece p = all->piece[i];
        uint64_t n = p.count < left ? p.count : left;
        if (n)
            keep->piece[keep->count++] = (struct piece){p.lcn, n};
        if (n < p.count)
            rest->piece[rest->count++] = (struct piece){p.lcn + n, p.count - n};
        left -= n;
    }
    return keep->piece && rest->piece;
}

enum status place_truncate(struct volume *v, const char *path, uint64_t size)
{
    struct placement all = {0}, keep = {0}, rest = {0};
    runlist_element *old = NULL;
    enum status status = place_read(v, path, &all);
    if (!status && !split(&all, size, v->cluster_size, &keep, &rest))
        status = say_no_memory();
    ntfs_inode *inode = status ? NULL : volume_open_file(v, path);
    if (inode)
        status = set_down(v, path, inode, set_runs(inode, &keep, 0, (s64)size, &old));
    else if (!status)
        status = STATUS_FAILED;
    for (uint32_t i = 0; !status && i < rest.count; i++) { /* nothing refers to them any more */
        if (ntfs_bitmap_clear_run(v->ntfs->lcnbmp_na, (s64)rest.piece[i].lcn,
                                  (s64)rest.piece[i].count))
            status = volume_failed(v, path, "its clusters cannot be freed");
        else
            v->ntfs->free_clusters += (s64)rest.piece[i].count;
    }
    free(old);
    placement_free(&all);
    placement_free(&keep);
    placement_free(&rest);
    return status;
}

enum status place_is_simple(struct volume *v, const char *path, bool *simple)
{
    ntfs_inode *inode = volume_open_file(v, path);
    if (!inode)
        return STATUS_FAILED;
    *simple = !NInoAttrList(inode);
    return set_down(v, path, inode, true);
}
