/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log of a VHDX that was not closed, replayed in memory: an array of the pages that the active
 * sequence of entries writes, sorted by place, the newest of each. The file stays as it is.
 *
 * A sequence is a run of adjacent valid entries whose numbers rise by one, from the one that the
 * last entry's tail names; the one with the highest last number is active. What is older, torn or
 * of another log is not valid and so ends a run.
 *
 * Cost: each sector of the ring is read at most twice to find the sequence, because a sector that
 * belongs to one entry cannot be the head of another; and once more to replay it.
 */
#include "core/vhdx/log.h"
#include <stdbool.h>
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/base/crc32c.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/sort.h"
#include "core/vhdx/format.h"
#include "core/vhdx/state.h"

#define WINDOW_SECTORS (VHDX_WINDOW_SIZE >> VHDX_PAGE_SHIFT)
#define NO_WINDOW      UINT32_MAX
#define PAGES_MAX      (1u << 18) /* that a sequence may write: 1 GiB, most of it zeros */

struct log_entry {
    uint32_t sectors; /* 0: no valid entry starts here */
    uint32_t tail;    /* sector */
    uint32_t count;   /* descriptors */
    uint32_t pages;   /* that it writes; PAGES_MAX + 1: more than may be */
    uint64_t sequence;
    uint64_t flushed_offset;
    uint64_t last_offset;
    bool continues; /* the entry before it in the ring has the number before its own */
};

struct log {
    struct vhdx *v;
    uint64_t offset; /* in the file */
    uint32_t sectors;
    const uint8_t *id;
    struct log_entry *entry; /* one a sector */
    uint32_t window;         /* first sector in v->window */
};

/* Sector `index` of the ring, counted on past its end; valid until the next call. */
static enum err log_sector(struct log *l, uint32_t index, const uint8_t **sector, struct fail *f)
{
    if (index >= l->sectors)
        index -= l->sectors; /* an entry is no longer than the ring, so once is enough */
    uint32_t first = index & ~(WINDOW_SECTORS - 1);
    if (l->window != first) {
        l->window = NO_WINDOW;
        enum err err = file_read(l->v->file, l->offset + ((uint64_t)first << VHDX_PAGE_SHIFT),
                                 l->v->window, VHDX_WINDOW_SIZE, f);
        if (err)
            return err;
        l->window = first;
    }
    *sector = l->v->window + ((index - first) << VHDX_PAGE_SHIFT);
    return ERR_OK;
}

static uint32_t descriptor_sectors(uint32_t count)
{
    return (uint32_t)(((uint64_t)count * sizeof(struct vhdx_log_descriptor) +
                       sizeof(struct vhdx_log_header) + VHDX_PAGE_SIZE - 1) >>
                      VHDX_PAGE_SHIFT);
}

/* Reads the header at `at`; *found only if all in it is possible. */
static enum err entry_head(struct log *l, uint32_t at, struct log_entry *e, bool *found,
                           struct fail *f)
{
    const uint8_t *sector;
    *found = false;
    enum err err = log_sector(l, at, &sector, f);
    if (err)
        return err;
    const struct vhdx_log_header *h = (const struct vhdx_log_header *)sector;
    uint32_t length = le32_get(h->length);
    uint32_t tail = le32_get(h->tail);
    *e = (struct log_entry){
        .sectors = length >> VHDX_PAGE_SHIFT,
        .tail = tail >> VHDX_PAGE_SHIFT,
        .count = le32_get(h->count),
        .sequence = le64_get(h->sequence),
        .flushed_offset = le64_get(h->flushed_offset),
        .last_offset = le64_get(h->last_offset),
    };
    *found = !memcmp(h->signature, "loge", 4) && !memcmp(h->log_id, l->id, 16) &&
             !((length | tail) & (VHDX_PAGE_SIZE - 1)) && e->sectors && e->sectors <= l->sectors &&
             e->tail < l->sectors && e->sequence && descriptor_sectors(e->count) <= e->sectors;
    return ERR_OK;
}

/* Counts the pages of one descriptor into e->pages and *data; whether it is possible. */
static bool descriptor_ok(const struct vhdx_log_descriptor *d, struct log_entry *e, uint32_t *data)
{
    uint64_t offset = le64_get(d->offset);
    uint64_t pages = 1;
    if (le64_get(d->sequence) != e->sequence || offset & (VHDX_PAGE_SIZE - 1))
        return false;
    if (!memcmp(d->signature, "zero", 4)) {
        uint64_t length = le64_get(d->leading);
        if (length & (VHDX_PAGE_SIZE - 1) || length > UINT64_MAX - offset)
            return false;
        pages = length >> VHDX_PAGE_SHIFT;
    } else if (!memcmp(d->signature, "desc", 4)) {
        ++*data;
    } else {
        return false;
    }
    if (e->pages <= PAGES_MAX)
        e->pages = pages > PAGES_MAX - e->pages ? PAGES_MAX + 1 : e->pages + (uint32_t)pages;
    return true;
}

/* One sector of an entry, `index` counted from its header. */
static bool entry_sector_ok(const uint8_t *sector, uint32_t index, struct log_entry *e,
                            uint32_t *data)
{
    if (index >= descriptor_sectors(e->count)) {
        const struct vhdx_log_data *d = (const struct vhdx_log_data *)sector;
        return !memcmp(d->signature, "data", 4) &&
               le32_get(d->sequence_high) == (uint32_t)(e->sequence >> 32) &&
               le32_get(d->sequence_low) == (uint32_t)e->sequence;
    }

    const struct vhdx_log_descriptor *d = (const struct vhdx_log_descriptor *)sector;
    const unsigned per_sector = VHDX_PAGE_SIZE / sizeof *d;
    const unsigned header = sizeof(struct vhdx_log_header) / sizeof *d;
    unsigned i = index ? 0 : header;
    uint64_t number = index ? (uint64_t)index * per_sector - header : 0;
    for (; i < per_sector && number < e->count; i++, number++) {
        if (!descriptor_ok(&d[i], e, data))
            return false;
    }
    return true;
}

/* Fills in l->entry[at] if a valid entry starts there. */
static enum err entry_check(struct log *l, uint32_t at, struct fail *f)
{
    struct log_entry e;
    bool found;
    enum err err = entry_head(l, at, &e, &found, f);
    uint32_t stored = 0;
    uint32_t crc = 0;
    uint32_t data = 0;
    for (uint32_t i = 0; !err && found && i < e.sectors; i++) { /* at most the ring, once */
        const uint8_t *sector;
        err = log_sector(l, at + i, &sector, f);
        if (err)
            break;
        if (i) {
            crc = crc32c(crc, sector, VHDX_PAGE_SIZE);
        } else {
            stored = le32_get(((const struct vhdx_log_header *)sector)->crc);
            crc = vhdx_crc(sector, VHDX_PAGE_SIZE);
        }
        found = entry_sector_ok(sector, i, &e, &data);
    }
    if (!err && found && crc == stored && data == e.sectors - descriptor_sectors(e.count))
        l->entry[at] = e;
    return err;
}

static uint32_t entry_next(const struct log *l, uint32_t at)
{
    uint32_t next = at + l->entry[at].sectors;
    return next >= l->sectors ? next - l->sectors : next;
}

/* Does the next entry carry this one's run on? */
static bool entry_continued(const struct log *l, uint32_t at)
{
    const struct log_entry *next = &l->entry[entry_next(l, at)];
    return next->sectors && next->sequence - 1 == l->entry[at].sequence;
}

static enum err entries_find(struct log *l, struct fail *f)
{
    for (uint32_t at = 0; at < l->sectors;) {
        enum err err = entry_check(l, at, f);
        if (err)
            return err;
        at += l->entry[at].sectors ? l->entry[at].sectors : 1;
    }
    for (uint32_t at = 0; at < l->sectors; at++) {
        if (l->entry[at].sectors && entry_continued(l, at))
            l->entry[entry_next(l, at)].continues = true;
    }
    return ERR_OK;
}

/* The active sequence's first and last entry; false: there is none. */
static bool sequence_find(const struct log *l, uint32_t *first, uint32_t *last)
{
    uint64_t highest = 0;
    for (uint32_t start = 0; start < l->sectors; start++) {
        if (!l->entry[start].sectors || l->entry[start].continues)
            continue;
        uint32_t head = start;
        while (entry_continued(l, head)) /* ends: the numbers rise, so no entry comes twice */
            head = entry_next(l, head);

        uint32_t tail = start;
        while (tail != l->entry[head].tail && tail != head) /* ends at the head at the latest */
            tail = entry_next(l, tail);
        if (tail == l->entry[head].tail && l->entry[head].sequence > highest) {
            highest = l->entry[head].sequence;
            *first = tail;
            *last = head;
        }
    }
    return highest;
}

/*
 * How many pages the sequence writes; and the size that its last entry gives the file, which alone
 * counts, for the file may have been made shorter since the others.
 */
static enum err sequence_measure(struct log *l, uint32_t first, uint32_t last, uint32_t *pages,
                                 struct fail *f)
{
    struct vhdx *v = l->v;
    const struct log_entry *head = &l->entry[last];
    if (head->flushed_offset > v->file->size)
        return fail(f, ERR_IMAGE,
                    "the file was cut: the VHDX log says that it had %u bytes at least",
                    head->flushed_offset);
    if (head->last_offset > v->size)
        v->size = head->last_offset;
    *pages = 0;
    for (uint32_t at = first;; at = entry_next(l, at)) { /* ends at `last` */
        if (l->entry[at].pages > PAGES_MAX - *pages)
            return fail(f, ERR_LIMIT, "the VHDX log has changes to more than %u pages of 4 KiB",
                        PAGES_MAX);
        *pages += l->entry[at].pages;
        if (at == last)
            return ERR_OK;
    }
}

/* Adds the pages of one descriptor; `sector` is the next data sector, counted from the ring's. */
static enum err descriptor_replay(struct log *l, const struct vhdx_log_descriptor *d,
                                  uint32_t *sector, uint32_t room, struct arena *a, struct fail *f)
{
    struct vhdx *v = l->v;
    uint64_t number = le64_get(d->offset) >> VHDX_PAGE_SHIFT;
    bool zero = !memcmp(d->signature, "zero", 4);
    uint64_t pages = zero ? le64_get(d->leading) >> VHDX_PAGE_SHIFT : 1;
    if (pages > room - v->page_count)
        return fail(f, ERR_IMAGE, "the VHDX log changed while it was read", 0);

    uint8_t *page = NULL;
    if (!zero) {
        const uint8_t *data;
        enum err err = log_sector(l, *sector, &data, f);
        if (err)
            return err;
        page = arena_alloc(a, VHDX_PAGE_SIZE);
        if (!page)
            return fail(f, ERR_MEMORY, "no memory for %u pages of a VHDX's log", room);
        memcpy(page, d->leading.b, 8);
        memcpy(page + 8, ((const struct vhdx_log_data *)data)->middle, 4084);
        memcpy(page + 4092, d->trailing.b, 4);
        ++*sector;
    }
    for (uint64_t i = 0; i < pages; i++) { /* at most `room` */
        v->page[v->page_count] =
            (struct vhdx_page){.number = number + i, .order = v->page_count, .data = page};
        v->page_count++;
    }
    return ERR_OK;
}

/* Adds the pages of one entry. `descriptors` holds one sector. */
static enum err entry_replay(struct log *l, uint32_t at, uint8_t *descriptors, uint32_t room,
                             struct arena *a, struct fail *f)
{
    const struct vhdx_log_descriptor *d = (const struct vhdx_log_descriptor *)descriptors;
    const unsigned per_sector = VHDX_PAGE_SIZE / sizeof *d;
    const uint32_t count = l->entry[at].count;
    uint32_t sector = at + descriptor_sectors(count);
    unsigned slot = sizeof(struct vhdx_log_header) / sizeof *d;
    for (uint32_t i = 0, from = at; i < count; i++, slot++) {
        if (!i || slot == per_sector) {
            const uint8_t *data;
            enum err err = log_sector(l, from++, &data, f);
            if (err)
                return err;
            memcpy(descriptors, data, VHDX_PAGE_SIZE);
            slot = i ? 0 : slot;
        }
        enum err err = descriptor_replay(l, &d[slot], &sector, room, a, f);
        if (err)
            return err;
        if (sector - at > l->entry[at].sectors)
            return fail(f, ERR_IMAGE, "the VHDX log changed while it was read", 0);
    }
    return ERR_OK;
}

static_assert(sizeof(struct vhdx_page) <= SORT_ITEM_MAX, "a page of the log, sorted");

static bool page_before(const void *first, const void *second)
{
    const struct vhdx_page *a = first, *b = second;
    return a->number != b->number ? a->number < b->number : a->order < b->order;
}

/* Sorts the pages by number and keeps the newest of each. */
static void pages_sort(struct vhdx *v)
{
    struct vhdx_page *page = v->page;
    sort_items(page, v->page_count, sizeof *page, page_before);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < v->page_count; i++) {
        if (i + 1 == v->page_count || page[i + 1].number != page[i].number)
            page[kept++] = page[i];
    }
    v->page_count = kept;
    uint64_t end = kept ? (page[kept - 1].number + 1) << VHDX_PAGE_SHIFT : 0;
    if (end > v->size) /* a replay would make the file so long */
        v->size = end;
}

static enum err sequence_replay(struct log *l, uint32_t first, uint32_t last, uint32_t pages,
                                struct arena *a, struct fail *f)
{
    uint8_t *descriptors = arena_alloc(a, VHDX_PAGE_SIZE);
    if (!descriptors)
        return fail(f, ERR_MEMORY, "no memory for %u pages of a VHDX's log", pages);
    for (uint32_t at = first;; at = entry_next(l, at)) { /* ends at `last` */
        enum err err = entry_replay(l, at, descriptors, pages, a, f);
        if (err)
            return err;
        if (at == last)
            break;
    }
    pages_sort(l->v);
    return ERR_OK;
}

enum err vhdx_log_load(struct vhdx *v, const struct vhdx_header *header, struct arena *a,
                       struct fail *f)
{
    struct log l = {
        .v = v,
        .offset = le64_get(header->log_offset),
        .sectors = le32_get(header->log_length) >> VHDX_PAGE_SHIFT,
        .id = header->log_id,
        .window = NO_WINDOW,
    };
    uint32_t first = 0, last = 0, pages = 0;
    l.entry = arena_array(a, l.sectors, sizeof *l.entry);
    if (!l.entry)
        return fail(f, ERR_MEMORY, "no memory for a VHDX's log of %u bytes",
                    (uint64_t)l.sectors << VHDX_PAGE_SHIFT);
    enum err err = entries_find(&l, f);
    if (err)
        return err;
    if (!sequence_find(&l, &first, &last))
        return fail(f, ERR_IMAGE,
                    "the VHDX was not closed, and its log at %x holds no valid entries", l.offset);
    err = sequence_measure(&l, first, last, &pages, f);
    if (err)
        return err;
    v->page = arena_array(a, pages, sizeof *v->page);
    if (!v->page)
        return fail(f, ERR_MEMORY, "no memory for %u pages of a VHDX's log", pages);
    return sequence_replay(&l, first, last, pages, a, f);
}
