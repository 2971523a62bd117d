/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes entries by core's code and keeps the ring's ends; the order of syncs is the header's
 * promise. */
#include "serve/vhdx_log.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "core/base/endian.h"
#include "core/base/image.h"

static const uint8_t no_id[16];

/* A random GUID (version 4) as Microsoft stores it; not zero, which would mean something. */
static int id_make(uint8_t id[16])
{
    if (getrandom(id, 16, 0) != 16)
        return errno ? errno : EIO;
    id[7] = (id[7] & 0x0f) | 0x40;
    id[8] = (id[8] & 0x3f) | 0x80;
    return 0;
}

/* Writes the header over the one that does not count, which then is this one. */
static int header_write(struct vhdx_log *log, const struct vhdx_header *header)
{
    uint8_t page[VHDX_HEADER_SIZE];
    struct vhdx_header next = *header;
    uint32_t at = log->header_offset == VHDX_HEADER_1 ? VHDX_HEADER_2 : VHDX_HEADER_1;
    next.sequence = le64_make(le64_get(log->header.sequence) + 1);
    vhdx_header_page(&next, page);
    memcpy(&next.crc, page + offsetof(struct vhdx_header, crc), sizeof next.crc);
    int error = log->store->write(log->store, page, sizeof page, at);
    if (!error)
        error = store_sync(log->store);
    if (error)
        return error;
    log->header = next;
    log->header_offset = at;
    return 0;
}

/* Both, one after the other: whichever is damaged later, the other one says the same. */
static int headers_write(struct vhdx_log *log, const struct vhdx_header *header)
{
    int error = header_write(log, header);
    return error ? error : header_write(log, header);
}

int vhdx_log_open(struct vhdx_log *log, struct store *store, const struct vhdx_layout *layout,
                  struct fail *f)
{
    *log = (struct vhdx_log){.store = store,
                             .offset = layout->log_offset,
                             .header = layout->header,
                             .header_offset = layout->header_offset,
                             .ring.sectors = layout->log_length >> VHDX_PAGE_SHIFT,
                             .flushed = store->size};
    if (!layout->log_length)
        return store_fail(f, EINVAL, "the VHDX has no log: it cannot be written", 0);
    if (le64_get(layout->header.sequence) > UINT64_MAX / 2)
        return store_fail(f, EINVAL, "the VHDX header's sequence number %x is too high",
                          le64_get(layout->header.sequence));
    log->entry = calloc(1, VHDX_ENTRY_SIZE);
    return store_fail(f, log->entry ? id_make(log->id) : ENOMEM, "out of memory", 0);
}

void vhdx_log_close(struct vhdx_log *log)
{
    free(log->entry);
    log->entry = NULL;
}

int vhdx_log_begin(struct vhdx_log *log)
{
    if (log->begun)
        return 0;
    struct vhdx_header header = log->header;
    int error = id_make(header.file_write_id);
    if (!error)
        error = id_make(header.data_write_id);
    if (!error)
        error = headers_write(log, &header);
    log->begun = !error;
    return error;
}

int vhdx_log_sync(struct vhdx_log *log)
{
    uint64_t size = log->store->size;
    int error = store_sync(log->store);
    if (error)
        return error;
    log->flushed = size;
    vhdx_ring_settled(&log->ring);
    log->pages = 0; /* of an attempt that failed */
    return 0;
}

static int ring_write(struct vhdx_log *log, uint32_t at, uint32_t sectors)
{
    struct store *store = log->store;
    uint32_t first = log->ring.sectors - at < sectors ? log->ring.sectors - at : sectors;
    int error = store->write(store, log->entry, (size_t)first << VHDX_PAGE_SHIFT,
                             log->offset + ((uint64_t)at << VHDX_PAGE_SHIFT));
    if (error || first == sectors)
        return error;
    return store->write(store, log->entry + ((size_t)first << VHDX_PAGE_SHIFT),
                        (size_t)(sectors - first) << VHDX_PAGE_SHIFT, log->offset);
}

/* Writes the entry, and waits until it counts. */
static int entry_write(struct vhdx_log *log)
{
    struct vhdx_ring before = log->ring;
    uint32_t at = vhdx_ring_take(&log->ring, log->pages);
    vhdx_entry_seal(log->entry, log->pages, &log->ring, log->id, log->flushed, log->store->size);
    int error = ring_write(log, at, vhdx_entry_sectors(log->pages));
    if (!error)
        error = store_sync(log->store);
    if (error) {
        log->ring = before; /* the next one goes to the same place, with the same number */
        return error;
    }
    if (log->named)
        return 0;
    struct vhdx_header header = log->header;
    memcpy(header.log_id, log->id, sizeof header.log_id);
    error = headers_write(log, &header);
    log->named = memcmp(log->header.log_id, no_id, sizeof no_id);
    return error;
}

/* Writes the entry's pages to their places, out of the entry itself. */
static int pages_write(struct vhdx_log *log)
{
    const struct vhdx_log_descriptor *d =
        (const struct vhdx_log_descriptor *)(log->entry + sizeof(struct vhdx_log_header));
    for (uint32_t i = 0; i < log->pages; i++, d++) {
        uint8_t page[VHDX_PAGE_SIZE];
        memcpy(page, log->entry + ((size_t)1 + i) * VHDX_PAGE_SIZE, sizeof page);
        memcpy(page, d->leading.b, sizeof d->leading.b);
        memcpy(page + VHDX_PAGE_SIZE - 4, d->trailing.b, sizeof d->trailing.b);
        int error = log->store->write(log->store, page, sizeof page, le64_get(d->offset));
        if (error)
            return error;
    }
    return 0;
}

int vhdx_log_commit(struct vhdx_log *log)
{
    if (!log->pages)
        return 0;
    int error = 0;
    if (!vhdx_ring_fits(&log->ring, log->pages)) {
        error = store_sync(log->store);
        if (!error)
            vhdx_ring_settled(&log->ring);
    }
    if (!error)
        error = entry_write(log);
    if (!error)
        error = pages_write(log);
    if (!error)
        log->pages = 0;
    return error;
}

int vhdx_log_add(struct vhdx_log *log, uint64_t file_offset, const uint8_t *page)
{
    if (log->pages == vhdx_ring_pages(log->ring.sectors)) {
        int error = vhdx_log_commit(log);
        if (error)
            return error;
    }
    vhdx_entry_page(log->entry, log->pages++, file_offset, page);
    return 0;
}

int vhdx_log_end(struct vhdx_log *log)
{
    if (!log->named)
        return 0;
    int error = store_sync(log->store);
    struct vhdx_header header = log->header;
    memset(header.log_id, 0, sizeof header.log_id);
    if (!error)
        error = headers_write(log, &header);
    log->named = error;
    return error;
}

static int pages_replay(const struct image *image, struct store *store,
                        const struct vhdx_layout *layout)
{
    static const uint8_t zeros[VHDX_PAGE_SIZE];
    int error = layout->size > store->size ? store->resize(store, layout->size) : 0;
    for (uint32_t i = 0; !error && i < layout->log_pages; i++) {
        uint64_t offset;
        const uint8_t *data;
        vhdx_log_page(image, i, &offset, &data);
        error = store->write(store, data ? data : zeros, VHDX_PAGE_SIZE, offset);
    }
    return error ? error : store_sync(store);
}

int vhdx_log_replay(const struct image *image, struct store *store, struct fail *f)
{
    struct vhdx_layout layout;
    vhdx_layout(image, &layout);
    if (!layout.log_in_use)
        return 0;
    int error = pages_replay(image, store, &layout);
    struct vhdx_log log = {
        .store = store, .header = layout.header, .header_offset = layout.header_offset};
    struct vhdx_header header = layout.header;
    memset(header.log_id, 0, sizeof header.log_id);
    if (!error)
        error = id_make(header.file_write_id);
    if (!error)
        error = headers_write(&log, &header);
    return store_fail(f, error, "the VHDX log could not be replayed", 0);
}

int vhdx_log_rename(const struct image *image, struct store *store, const uint8_t id[16],
                    struct fail *f)
{
    struct vhdx_layout layout;
    vhdx_layout(image, &layout);
    struct vhdx_log log = {
        .store = store, .header = layout.header, .header_offset = layout.header_offset};
    struct vhdx_header header = layout.header;
    memcpy(header.data_write_id, id, sizeof header.data_write_id);
    return store_fail(f, headers_write(&log, &header), "the VHDX header could not be written", 0);
}
