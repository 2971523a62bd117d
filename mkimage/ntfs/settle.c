/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decides which folders are written anew, and keeps the clusters apart that may not be used for it;
 * index_write.c writes. */
#include "ntfs/settle.h"
#include <errno.h>
#include <stdlib.h>
#include "host/overlay.h"
#include "ntfs/folder.h"
#include "ntfs/index.h"
#include "ntfs/libntfs.h"

static bool add_cluster(struct placement *p, uint64_t lcn)
{
    struct piece *last = p->count ? &p->piece[p->count - 1] : NULL;
    if (last && last->lcn + last->count == lcn) {
        last->count++;
        return true;
    }
    struct piece *more = realloc(p->piece, (p->count + 1) * sizeof *more);
    if (!more)
        return false;
    p->piece = more;
    more[p->count++] = (struct piece){lcn, 1};
    return true;
}

static bool has(const struct placement *p, uint64_t lcn)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (lcn - p->piece[i].lcn < p->piece[i].count)
            return true;
    }
    return false;
}

/* Adds the clusters of `all` that are not in `old`. */
static bool add_others(struct placement *p, const struct placement *all,
                       const struct placement *old)
{
    for (uint32_t i = 0; i < all->count; i++) {
        for (uint64_t k = 0; k < all->piece[i].count; k++) {
            uint64_t lcn = all->piece[i].lcn + k;
            if (!has(old, lcn) && !add_cluster(p, lcn))
                return false;
        }
    }
    return true;
}

/* The clusters that were somebody's before the change and are free now: until it is through they
 * are his. */
static bool freed_clusters(struct volume *v, struct placement *freed)
{
    const struct overlay *o = v->device->overlay;
    if (ntfs_attr_map_whole_runlist(v->ntfs->lcnbmp_na))
        return false;
    for (const runlist_element *rl = v->ntfs->lcnbmp_na->rl; rl->length; rl++) {
        uint64_t off = v->start + (uint64_t)rl->lcn * v->cluster_size;
        uint64_t size = (uint64_t)rl->length * v->cluster_size;
        for (size_t i = 0; rl->lcn >= 0 && i < o->count; i++) {
            const struct overlay_sector *s = &o->sector[i];
            uint64_t in = (s->lba << SECTOR_SHIFT) - off;
            uint64_t lcn = ((uint64_t)rl->vcn * v->cluster_size + in) * 8;
            for (unsigned bit = 0; in < size && bit < SECTOR_SIZE * 8; bit++) {
                unsigned gone = s->before[bit / 8] & ~s->after[bit / 8];
                if (gone >> bit % 8 & 1 && !add_cluster(freed, lcn + bit))
                    return false;
            }
        }
    }
    return true;
}

/* Marks clusters as used, or as free. */
static bool mark(struct volume *v, const struct placement *p, bool used)
{
    for (uint32_t i = 0; i < p->count; i++) {
        s64 lcn = (s64)p->piece[i].lcn, count = (s64)p->piece[i].count;
        if (used ? ntfs_bitmap_set_run(v->ntfs->lcnbmp_na, lcn, count)
                 : ntfs_bitmap_clear_run(v->ntfs->lcnbmp_na, lcn, count))
            return false;
        v->ntfs->free_clusters += used ? -count : count;
    }
    return true;
}

/* What was written to clusters that the index has no more. */
static void revert(struct volume *v, const struct placement *p)
{
    for (uint32_t i = 0; i < p->count; i++)
        overlay_revert(v->device->overlay, v->start + p->piece[i].lcn * v->cluster_size,
                       p->piece[i].count * v->cluster_size);
}

/* The index to clusters that are free before and after the change; its old clusters become free,
 * and keep what they held before. *moved is false where it has to stay. */
static bool write_anew(struct volume *v, ntfs_inode *inode, const struct index *now, bool *moved)
{
    struct placement freed = {0};
    bool ok =
        freed_clusters(v, &freed) && mark(v, &freed, true) && index_write(v, inode, now, moved);
    ok = ok && mark(v, &freed, false) && (!*moved || mark(v, &now->clusters, false));
    if (ok && *moved) {
        revert(v, &now->clusters);
        revert(v, &now->list); /* it went with the index, or was never there */
    }
    int keep = errno;
    placement_free(&freed);
    errno = keep;
    return ok;
}

/* Was the cluster free before the change? */
static bool was_free(const struct volume *v, uint64_t lcn)
{
    struct device below = *v->device;
    uint8_t bits = 0xff;
    uint64_t at = lcn / 8;
    LCN of = ntfs_attr_vcn_to_lcn(v->ntfs->lcnbmp_na, (VCN)(at / v->cluster_size));
    below.overlay = NULL;
    return of >= 0 &&
           device_pread(&below, &bits, 1,
                        v->start + (uint64_t)of * v->cluster_size + at % v->cluster_size) &&
           !(bits >> lcn % 8 & 1);
}

/* Must it be written anew: does a block that was there change besides another, or does a new one
 * lie where a file of before still has its content? */
static bool is_unsafe(const struct volume *v, const struct folder *f, const struct index *now)
{
    struct placement fresh = {0};
    bool unsafe = f->disordered || index_changed_blocks(&f->before, now) > 1 ||
                  !add_others(&fresh, &now->clusters, &f->before.clusters);
    for (uint32_t i = 0; !unsafe && i < fresh.count; i++) {
        for (uint64_t k = 0; !unsafe && k < fresh.piece[i].count; k++)
            unsafe = !was_free(v, fresh.piece[i].lcn + k);
    }
    free(fresh.piece);
    return unsafe;
}

static bool settle(struct volume *v, const struct folder *f, ntfs_inode *inode,
                   struct placement *fresh)
{
    struct index now, anew = {0};
    bool moved = false, ok = index_read(inode, &now);
    if (ok && now.count && now.block_size >= INDEX_BLOCK_MIN && is_unsafe(v, f, &now))
        ok = write_anew(v, inode, &now, &moved);
    if (ok && moved)
        ok = index_read(inode, &anew);
    ok = ok && add_others(fresh, moved ? &anew.clusters : &now.clusters, &f->before.clusters);
    int keep = errno;
    index_free(&now);
    index_free(&anew);
    errno = keep;
    return ok;
}

enum status folders_settle(struct volume *v)
{
    for (struct folder *f = v->folders ? v->folders->first : NULL; f; f = f->next) {
        ntfs_inode *inode = ntfs_inode_open(v->ntfs, f->number);
        bool ok = inode && settle(v, f, inode, &v->folders->fresh);
        int keep = errno;
        if (inode && ntfs_inode_close(inode) && ok) {
            ok = false;
            keep = errno;
        }
        errno = keep;
        if (!ok)
            return volume_failed(v, "", "a folder's index cannot be changed");
    }
    return STATUS_OK;
}
