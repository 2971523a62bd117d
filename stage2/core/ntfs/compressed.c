/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compressed files. A unit is 16 clusters: all 16 stored = raw, none = zeros, some and then a
 * hole = packed.
 */
#include "core/ntfs/compressed.h"
#include <stdbool.h>
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/base/mem.h"
#include "core/ntfs/attr.h"
#include "core/ntfs/format.h"
#include "core/ntfs/lznt1.h"
#include "core/ntfs/ntfs.h"
#include "core/ntfs/runlist.h"
#include "core/ntfs/sectors.h"

/* Windows compresses with clusters of up to 4 KiB; a little more does no harm. */
#define UNIT_MAX (1u << 20)

enum err ntfs_compressed_open(struct ntfs *vol, const struct ntfs_attr *data,
                              struct ntfs_unit *unit, struct fail *f)
{
    if ((data->flags & NTFS_FLAG_COMPRESSION_MASK) != NTFS_FLAG_COMPRESSED)
        return fail(f, ERR_UNSUPPORTED, "compressed by an unknown method (flags %x)", data->flags);
    if (data->compression_unit != NTFS_COMPRESSED_UNIT)
        return fail(f, ERR_CORRUPT, "a compression unit of 2^%u clusters, not of 16",
                    data->compression_unit);
    uint64_t size = (uint64_t)1 << (ntfs_cluster_bytes_shift(vol) + NTFS_COMPRESSED_UNIT);
    if (size > UNIT_MAX)
        return fail(f, ERR_UNSUPPORTED, "compression units of %u bytes are not supported", size);

    unit->size = (uint32_t)size;
    unit->number = UINT64_MAX;
    unit->bytes = arena_alloc(vol->arena, size);
    unit->packed = arena_alloc(vol->arena, size);
    if (!unit->bytes || !unit->packed)
        return fail(f, ERR_MEMORY, "no memory for two compression units of %u bytes", size);
    return ERR_OK;
}

/* How many clusters of the unit at `vcn` are stored before the first hole. */
static uint32_t stored_clusters(const struct ntfs_runs *runs, uint64_t vcn)
{
    const uint32_t whole = 1u << NTFS_COMPRESSED_UNIT;
    uint32_t stored = 0;
    while (stored < whole && vcn + stored < runs->clusters) { /* ends: stored grows */
        uint64_t lcn, count;
        ntfs_runs_find(runs, vcn + stored, &lcn, &count);
        if (lcn == NTFS_HOLE)
            break;
        stored = count < whole - stored ? stored + (uint32_t)count : whole;
    }
    return stored;
}

/* Fills `unit` with the one that has this number. */
static enum err load_unit(struct ntfs *vol, const struct ntfs_attr *data, struct ntfs_unit *unit,
                          uint64_t number, struct fail *f)
{
    unsigned shift = ntfs_cluster_bytes_shift(vol);
    uint64_t vcn = number << NTFS_COMPRESSED_UNIT;
    uint32_t stored = stored_clusters(&data->runs, vcn);
    bool raw = stored == 1u << NTFS_COMPRESSED_UNIT;
    unit->number = UINT64_MAX;
    if (!stored) {
        memset(unit->bytes, 0, unit->size);
        unit->number = number;
        return ERR_OK;
    }

    /* The clusters as they are, whatever the sizes say of the bytes they unpack to. */
    struct ntfs_attr whole = *data;
    whole.size = whole.initialized = whole.runs.clusters << shift;
    uint8_t *to = raw ? unit->bytes : unit->packed;
    uint32_t bytes = stored << shift;
    enum err err = ntfs_attr_read(vol, &whole, vcn << shift, to, bytes, f);
    if (!err && !raw)
        err = ntfs_lznt1_unpack((struct view){unit->packed, bytes}, unit->bytes, unit->size, f);
    if (!err)
        unit->number = number;
    return err;
}

enum err ntfs_compressed_read(struct ntfs *vol, const struct ntfs_attr *data,
                              struct ntfs_unit *unit, uint64_t off, void *buf, uint32_t len,
                              struct fail *f)
{
    uint8_t *to = buf;
    unsigned unit_shift = log2_u32(unit->size);
    while (len && off < data->initialized) { /* ends: every round takes bytes off len */
        uint32_t skip = (uint32_t)off & (unit->size - 1);
        uint64_t left = data->initialized - off;
        uint32_t n = unit->size - skip < len ? unit->size - skip : len;
        if (n > left)
            n = (uint32_t)left;
        if (off >> unit_shift != unit->number) {
            enum err err = load_unit(vol, data, unit, off >> unit_shift, f);
            if (err)
                return err;
        }
        memcpy(to, unit->bytes + skip, n);
        to += n;
        off += n;
        len -= n;
    }
    memset(to, 0, len);
    return ERR_OK;
}
