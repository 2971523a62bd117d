/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A volume made longer, to the end of a partition that became larger. What is new counts as used
 * until the boot record says that it is the volume's: so no driver takes clusters beyond the end,
 * wherever this is cut.
 */
#include "ntfs/lengthen.h"
#include <errno.h>
#include <string.h>
#include "ntfs/libntfs.h"

/* $Bitmap for so many clusters; all bits that are new are 1. */
static bool lengthen_bitmap(struct volume *v, s64 clusters)
{
    ntfs_attr *na = v->ntfs->lcnbmp_na;
    s64 old = na->data_size, size = (clusters + 63) / 64 * 8;
    if (size <= old)
        return true;
    if (ntfs_attr_truncate_solid(na, size))
        return false;
    uint8_t ones[4096];
    memset(ones, 0xff, sizeof ones);
    for (s64 at = old; at < size;) { /* ends: at grows */
        s64 n = size - at < (s64)sizeof ones ? size - at : (s64)sizeof ones;
        if (ntfs_attr_pwrite(na, at, n, ones) != n)
            return false;
        at += n;
    }
    return true;
}

/* The runs of a stream that is one hole: a length, no place. Returns their bytes. */
static unsigned hole_runs(uint8_t *to, s64 clusters)
{
    unsigned n = 0;
    for (s64 left = clusters; left || (n && to[n] & 0x80); left >>= 8) /* signed, low byte first */
        to[++n] = (uint8_t)left;
    to[0] = (uint8_t)n;
    to[n + 1] = 0;
    return n + 2;
}

/* $BadClus' stream $Bad is as long as the volume; it is a hole where no cluster is bad. */
static bool lengthen_bad(struct volume *v, s64 clusters)
{
    static ntfschar name[] = {const_cpu_to_le16('$'), const_cpu_to_le16('B'),
                              const_cpu_to_le16('a'), const_cpu_to_le16('d')};
    uint8_t runs[16];
    ntfs_inode *inode = ntfs_inode_open(v->ntfs, FILE_BadClus);
    ntfs_attr_search_ctx *ctx = inode ? ntfs_attr_get_search_ctx(inode, NULL) : NULL;
    bool ok = ctx && !ntfs_attr_lookup(AT_DATA, name, 4, CASE_SENSITIVE, 0, NULL, 0, ctx) &&
              ctx->attr->non_resident;
    if (ok) {
        const uint8_t *old = (uint8_t *)ctx->attr + le16_to_cpu(ctx->attr->mapping_pairs_offset);
        unsigned length = old[0] & 0x0f;
        if (old[0] & 0xf0 || old[length + 1]) { /* a cluster is bad, and has its place in it */
            errno = EOPNOTSUPP;
            ok = false;
        }
    }
    unsigned size = ok ? hole_runs(runs, clusters) : 0;
    u32 wanted = ok ? (le16_to_cpu(ctx->attr->mapping_pairs_offset) + size + 7u) & ~7u : 0;
    if (ok && wanted > le32_to_cpu(ctx->attr->length))
        ok = !ntfs_attr_record_resize(ctx->mrec, ctx->attr, wanted);
    if (ok) {
        memcpy((uint8_t *)ctx->attr + le16_to_cpu(ctx->attr->mapping_pairs_offset), runs, size);
        ctx->attr->highest_vcn = cpu_to_sle64(clusters - 1);
        ctx->attr->allocated_size = cpu_to_sle64(clusters * v->cluster_size);
        ctx->attr->data_size = ctx->attr->allocated_size;
        ntfs_inode_mark_dirty(ctx->ntfs_ino);
    }
    int keep = errno;
    if (ctx)
        ntfs_attr_put_search_ctx(ctx);
    if (inode && ntfs_inode_close(inode) && ok)
        return false;
    errno = keep;
    return ok;
}

uint64_t volume_clusters(const struct volume *v)
{
    return (uint64_t)v->ntfs->nr_clusters;
}

enum status volume_lengthen(struct volume *v, uint64_t clusters)
{
    if (!lengthen_bitmap(v, (s64)clusters))
        return volume_failed(v, "$Bitmap", "cannot be made longer");
    if (!lengthen_bad(v, (s64)clusters))
        return volume_failed(v, "$BadClus", "cannot be made longer");
    return STATUS_OK;
}

enum status volume_release(struct volume *v, uint64_t from)
{
    s64 count = v->ntfs->nr_clusters - (s64)from;
    if (count > 0 && ntfs_bitmap_clear_run(v->ntfs->lcnbmp_na, (s64)from, count))
        return volume_failed(v, "$Bitmap", "cannot be written");
    return STATUS_OK;
}
