/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An array of sectors and a hash table over it by lba. Both grow and never shrink; the device is
 * read when a sector is first written to, never written.
 */
#include "host/overlay.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void overlay_init(struct overlay *o, overlay_below *below, const void *ctx)
{
    *o = (struct overlay){.below = below, .ctx = ctx};
}

void overlay_free(struct overlay *o)
{
    free(o->sector);
    free(o->slot);
    *o = (struct overlay){0};
}

/* The slot of `lba`: its own, or the free one where it belongs. The table is never full. */
static uint32_t *slot_of(const struct overlay *o, uint64_t lba)
{
    size_t i = (size_t)(lba * 0x9e3779b97f4a7c15u >> 20) & (o->slots - 1);
    while (o->slot[i] && o->sector[o->slot[i] - 1].lba != lba)
        i = (i + 1) & (o->slots - 1);
    return &o->slot[i];
}

static void fill_slots(struct overlay *o)
{
    memset(o->slot, 0, o->slots * sizeof o->slot[0]);
    for (size_t i = 0; i < o->count; i++)
        *slot_of(o, o->sector[i].lba) = (uint32_t)(i + 1);
}

static bool grow(struct overlay *o)
{
    size_t capacity = o->capacity ? 2 * o->capacity : 256;
    struct overlay_sector *sector = realloc(o->sector, capacity * sizeof *sector);
    if (!sector)
        return false;
    o->sector = sector;
    o->capacity = capacity;

    uint32_t *slot = realloc(o->slot, 2 * capacity * sizeof *slot);
    if (!slot)
        return false;
    o->slot = slot;
    o->slots = 2 * capacity;
    fill_slots(o);
    return true;
}

/* The sector's entry, made from the device's content where there is none yet. */
static struct overlay_sector *entry_of(struct overlay *o, uint64_t lba)
{
    if (o->slots) {
        uint32_t index = *slot_of(o, lba);
        if (index)
            return &o->sector[index - 1];
    }
    if (o->count == o->capacity && !grow(o)) {
        errno = ENOMEM;
        return NULL;
    }
    struct overlay_sector *s = &o->sector[o->count];
    s->lba = lba;
    s->step = 0;
    if (!o->below(o->ctx, s->before, SECTOR_SIZE, lba << SECTOR_SHIFT))
        return NULL;
    memcpy(s->after, s->before, SECTOR_SIZE);
    *slot_of(o, lba) = (uint32_t)++o->count;
    return s;
}

bool overlay_write(struct overlay *o, const void *buf, size_t size, uint64_t off)
{
    const uint8_t *from = buf;
    while (size) {
        size_t skip = (size_t)(off % SECTOR_SIZE);
        size_t n = SECTOR_SIZE - skip < size ? SECTOR_SIZE - skip : size;
        struct overlay_sector *s = entry_of(o, off >> SECTOR_SHIFT);
        if (!s)
            return false;
        memcpy(s->after + skip, from, n);
        from += n;
        off += n;
        size -= n;
    }
    return true;
}

bool overlay_read(const struct overlay *o, void *buf, size_t size, uint64_t off)
{
    uint8_t *to = buf;
    while (size && o->count) {
        size_t skip = (size_t)(off % SECTOR_SIZE);
        size_t n = SECTOR_SIZE - skip < size ? SECTOR_SIZE - skip : size;
        uint32_t index = *slot_of(o, off >> SECTOR_SHIFT);
        if (index)
            memcpy(to, o->sector[index - 1].after + skip, n);
        to += n;
        off += n;
        size -= n;
    }
    return true;
}

void overlay_revert(struct overlay *o, uint64_t off, uint64_t size)
{
    for (size_t i = 0; i < o->count; i++) {
        struct overlay_sector *s = &o->sector[i];
        if ((s->lba << SECTOR_SHIFT) - off < size)
            memcpy(s->after, s->before, SECTOR_SIZE);
    }
}

static int by_lba(const void *a, const void *b)
{
    const struct overlay_sector *x = a, *y = b;
    return x->lba < y->lba ? -1 : x->lba > y->lba;
}

void overlay_settle(struct overlay *o)
{
    size_t kept = 0;
    for (size_t i = 0; i < o->count; i++) {
        if (memcmp(o->sector[i].before, o->sector[i].after, SECTOR_SIZE))
            o->sector[kept++] = o->sector[i];
    }
    o->count = kept;
    if (kept)
        qsort(o->sector, kept, sizeof o->sector[0], by_lba);
    if (o->slots)
        fill_slots(o);
}
