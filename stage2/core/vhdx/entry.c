/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes log entries with one sector of descriptors: a change of more pages takes several entries.
 * The sequence number stands in every descriptor and data sector, so it is put in by the seal.
 */
#include "core/vhdx/entry.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/mem.h"
#include "core/vhdx/state.h"

static_assert(VHDX_ENTRY_PAGES == 126, "descriptors in an entry's first sector");

uint32_t vhdx_entry_sectors(uint32_t pages)
{
    return 1 + pages;
}

uint32_t vhdx_ring_pages(uint32_t sectors)
{
    uint32_t pages = sectors / 2 - 1;
    return pages < VHDX_ENTRY_PAGES ? pages : (uint32_t)VHDX_ENTRY_PAGES;
}

static uint32_t distance(const struct vhdx_ring *ring, uint32_t from, uint32_t to)
{
    return to >= from ? to - from : to + ring->sectors - from;
}

bool vhdx_ring_fits(const struct vhdx_ring *ring, uint32_t pages)
{
    if (!ring->used || !ring->pending)
        return true; /* it will be the oldest itself, and there is room for one such */
    uint32_t longest = vhdx_entry_sectors(vhdx_ring_pages(ring->sectors));
    uint32_t kept = distance(ring, ring->oldest, ring->next);
    return kept + vhdx_entry_sectors(pages) + longest <= ring->sectors;
}

void vhdx_ring_settled(struct vhdx_ring *ring)
{
    ring->pending = false;
}

uint32_t vhdx_ring_take(struct vhdx_ring *ring, uint32_t pages)
{
    uint32_t at = ring->next;
    if (!ring->pending)
        ring->oldest = at;
    ring->pending = true;
    ring->used = true;
    ring->next = at + vhdx_entry_sectors(pages);
    if (ring->next >= ring->sectors)
        ring->next -= ring->sectors;
    ring->sequence++;
    return at;
}

static struct vhdx_log_descriptor *descriptor(uint8_t *entry, uint32_t index)
{
    return (struct vhdx_log_descriptor *)(entry + sizeof(struct vhdx_log_header)) + index;
}

void vhdx_entry_page(uint8_t *entry, uint32_t index, uint64_t file_offset,
                     const uint8_t data[VHDX_PAGE_SIZE])
{
    struct vhdx_log_descriptor *d = descriptor(entry, index);
    struct vhdx_log_data *sector =
        (struct vhdx_log_data *)(entry + ((size_t)1 + index) * VHDX_PAGE_SIZE);
    memcpy(d->signature, "desc", sizeof d->signature);
    memcpy(d->leading.b, data, sizeof d->leading.b);
    memcpy(d->trailing.b, data + VHDX_PAGE_SIZE - sizeof d->trailing.b, sizeof d->trailing.b);
    d->offset = le64_make(file_offset);
    memcpy(sector->signature, "data", sizeof sector->signature);
    memcpy(sector->middle, data + sizeof d->leading.b, sizeof sector->middle);
}

void vhdx_entry_seal(uint8_t *entry, uint32_t pages, const struct vhdx_ring *ring,
                     const uint8_t log_id[16], uint64_t flushed, uint64_t size)
{
    struct vhdx_log_header *h = (struct vhdx_log_header *)entry;
    uint32_t length = vhdx_entry_sectors(pages) * VHDX_PAGE_SIZE;
    *h = (struct vhdx_log_header){
        .length = le32_make(length),
        .tail = le32_make(ring->oldest * VHDX_PAGE_SIZE),
        .sequence = le64_make(ring->sequence),
        .count = le32_make(pages),
        .flushed_offset = le64_make(flushed),
        .last_offset = le64_make(size),
    };
    memcpy(h->signature, "loge", sizeof h->signature);
    memcpy(h->log_id, log_id, sizeof h->log_id);
    for (uint32_t i = 0; i < pages; i++) {
        struct vhdx_log_data *sector =
            (struct vhdx_log_data *)(entry + ((size_t)1 + i) * VHDX_PAGE_SIZE);
        descriptor(entry, i)->sequence = h->sequence;
        sector->sequence_high = le32_make((uint32_t)(ring->sequence >> 32));
        sector->sequence_low = le32_make((uint32_t)ring->sequence);
    }
    /* What an earlier entry left behind the descriptors. */
    uint8_t *rest = (uint8_t *)descriptor(entry, pages);
    memset(rest, 0, (size_t)(entry + VHDX_PAGE_SIZE - rest));
    h->crc = le32_make(vhdx_crc(entry, length));
}

void vhdx_header_page(const struct vhdx_header *header, uint8_t page[VHDX_HEADER_SIZE])
{
    memset(page, 0, VHDX_HEADER_SIZE);
    memcpy(page, header, sizeof *header);
    ((struct vhdx_header *)page)->crc = le32_make(vhdx_crc(page, VHDX_HEADER_SIZE));
}
