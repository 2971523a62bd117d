/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks every range against the drive, counts the reads, and keeps lines of sectors for the
 * small ones.
 */
#include "core/base/blk.h"
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/base/mem.h"

enum err blk_read(struct blk *b, uint64_t lba, uint32_t count, void *buf, struct fail *f)
{
    if (!count)
        return ERR_OK;
    if (!range_ok(lba, count, b->sectors))
        return fail(f, ERR_READ, "sector %u is beyond the end of the drive", lba);

    b->reads++;
    b->sectors_read += count;
    return b->read(b, lba, count, buf, f);
}

enum err blk_write(struct blk *b, uint64_t lba, uint32_t count, const void *buf, struct fail *f)
{
    if (!count)
        return ERR_OK;
    if (!b->write || !range_ok(lba, count, b->sectors))
        return fail(f, ERR_WRITE, "sector %u is not one that can be written", lba);
    return b->write(b, lba, count, buf, f);
}

/* The slot that holds line `line`, filled from the drive if it was not there. The drive's last line
 * may be short: the rest of its slot stays as it was and is never asked for. */
static enum err cache_line(struct blk_cache *c, uint64_t line, uint8_t **data, struct fail *f)
{
    for (unsigned i = 0; i < c->line_count; i++) {
        if (c->line_no[i] == line) {
            *data = c->data + ((size_t)i << (c->line_shift + SECTOR_SHIFT));
            return ERR_OK;
        }
    }

    unsigned slot = c->next;
    c->next = slot + 1 < c->line_count ? slot + 1 : 0;
    *data = c->data + ((size_t)slot << (c->line_shift + SECTOR_SHIFT));

    uint64_t lba = line << c->line_shift;
    uint64_t left = c->under->sectors - lba;
    uint32_t count = 1u << c->line_shift;
    c->line_no[slot] = UINT64_MAX;
    enum err err = blk_read(c->under, lba, left < count ? (uint32_t)left : count, *data, f);
    if (!err)
        c->line_no[slot] = line;
    return err;
}

static enum err cache_read(struct blk *b, uint64_t lba, uint32_t count, void *buf, struct fail *f)
{
    struct blk_cache *c = b->ctx;
    uint32_t line_sectors = 1u << c->line_shift;
    if (count > line_sectors)
        return blk_read(c->under, lba, count, buf, f);

    uint8_t *to = buf;
    while (count) { /* ends: every round takes at least one sector off count */
        uint32_t skip = (uint32_t)lba & (line_sectors - 1);
        uint32_t n = line_sectors - skip < count ? line_sectors - skip : count;
        uint8_t *line;
        enum err err = cache_line(c, lba >> c->line_shift, &line, f);
        if (err) /* perhaps a neighbour that nobody asked for is bad: try only what is wanted */
            return blk_read(c->under, lba, count, to, f);

        memcpy(to, line + ((size_t)skip << SECTOR_SHIFT), (size_t)n << SECTOR_SHIFT);
        to += (size_t)n << SECTOR_SHIFT;
        lba += n;
        count -= n;
    }
    return ERR_OK;
}

enum err blk_cache_init(struct blk_cache *c, struct blk *under, unsigned line_shift,
                        unsigned line_count, struct arena *a, struct fail *f)
{
    *c = (struct blk_cache){.under = under, .line_shift = line_shift, .line_count = line_count};
    c->line_no = arena_array(a, line_count, sizeof c->line_no[0]);
    c->data = arena_array(a, line_count, (size_t)SECTOR_SIZE << line_shift);
    if (!c->line_no || !c->data)
        return fail(f, ERR_MEMORY, "no memory for a read cache of %u lines", line_count);

    memset(c->line_no, 0xff, line_count * sizeof c->line_no[0]);
    c->blk = (struct blk){.read = cache_read, .ctx = c, .sectors = under->sectors};
    return ERR_OK;
}
