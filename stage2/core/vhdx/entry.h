/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing a VHDX's log: one entry as bytes, and where in the ring it may go. Writes nothing itself.
 *
 *     ring       … free | oldest … newest | next: free …
 *
 * An entry is one header with its descriptors and, behind, a sector for each page. It becomes valid
 * at once, by its checksum, or not at all. While a header names the log, the newest valid entry and
 * all from the one that it calls the oldest must be there, or the file cannot be read. So they stay
 * until a newer entry that needs none of them is on the medium: there is always room for one.
 */
#ifndef CORE_VHDX_ENTRY_H
#define CORE_VHDX_ENTRY_H

#include <stdbool.h>
#include <stdint.h>
#include "core/vhdx/format.h"

/* Pages that one entry can take with its descriptors in a single sector. */
#define VHDX_ENTRY_PAGES                                                                           \
    ((VHDX_PAGE_SIZE - sizeof(struct vhdx_log_header)) / sizeof(struct vhdx_log_descriptor))
#define VHDX_ENTRY_SIZE ((1 + VHDX_ENTRY_PAGES) * VHDX_PAGE_SIZE)

/* The ring, in sectors of 4 KiB. */
struct vhdx_ring {
    uint32_t sectors;
    uint32_t next;     /* where the next entry starts */
    uint32_t oldest;   /* where the one starts that the newest entry calls the oldest */
    bool used;         /* there is an entry */
    bool pending;      /* pages of the entries from `oldest` on may not be in place yet */
    uint64_t sequence; /* of the newest entry; 0 before the first */
};

/* The sectors that an entry of so many pages takes. */
uint32_t vhdx_entry_sectors(uint32_t pages);

/* Pages of the longest entry that a ring of this size is given: it has room for two of them. */
uint32_t vhdx_ring_pages(uint32_t sectors);

/* May an entry of so many pages be written now? If not, it may once the earlier ones' pages are in
 * place, and vhdx_ring_settled() was called. */
bool vhdx_ring_fits(const struct vhdx_ring *ring, uint32_t pages);

/* All pages of all entries are in their places for good. */
void vhdx_ring_settled(struct vhdx_ring *ring);

/* Takes the place for an entry of so many pages, which fits. Returns the sector where it starts;
 * behind the ring's end it goes on at its start. */
uint32_t vhdx_ring_take(struct vhdx_ring *ring, uint32_t pages);

/* Puts page `index` (< VHDX_ENTRY_PAGES) into the entry that is being made in `entry`. */
void vhdx_entry_page(uint8_t *entry, uint32_t index, uint64_t file_offset,
                     const uint8_t data[VHDX_PAGE_SIZE]);

/* Gives the entry its header, after vhdx_ring_take() and all its pages. `flushed` is the size that
 * the file has on the medium for sure, `size` the one that it needs. */
void vhdx_entry_seal(uint8_t *entry, uint32_t pages, const struct vhdx_ring *ring,
                     const uint8_t log_id[16], uint64_t flushed, uint64_t size);

/* A header as it goes into the file: its bytes padded to a page, with the checksum. */
void vhdx_header_page(const struct vhdx_header *header, uint8_t page[VHDX_HEADER_SIZE]);

#endif
