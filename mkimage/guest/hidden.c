/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Contents, changes and cells lie behind each other: one mapping. A record counts as taken before
 * its page leads to it, and a bit is set when its sector is there, so a process that is killed
 * leaves a sound map to the next one.
 */
#include "guest/hidden.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "core/base/bounds.h"
#include "core/map/format.h"
#include "serve/store.h"

#define PAGE          4096u
#define BROKEN        "the block map in memory makes no sense at sector %u"
#define FULL          "there is no memory left for changes"
#define RECORD_HEADER 2u

struct hidden {
    struct above above; /* first: it is what others know */
    pthread_mutex_t lock;
    struct boottable_map map;
    uint64_t sectors, start; /* of the disk; physical address of `memory` */
    uint8_t *memory;
    size_t bytes;
    volatile uint64_t *cell;
    uint8_t *low; /* the handler's page with the count of taken records */
    volatile uint32_t *record_next;
};

/* What holds a sector, and how many more are held alike. */
struct place {
    enum map_kind kind;
    uint64_t count;
    uint8_t *at; /* MAP_RAM */
    bool writable;
};

static bool cell_get(const struct hidden *h, uint64_t index, uint64_t *cell)
{
    if (index >= h->map.cell_count)
        return false;
    *cell = h->cell[index];
    return true;
}

static uint8_t *bits_of(const struct hidden *h, uint64_t record)
{
    return (uint8_t *)(uintptr_t)&h->cell[record + MAP_RECORD_BITMAP];
}

static bool bit_at(const uint8_t *bits, uint64_t n)
{
    return bits[n >> 3] >> (7 - (n & 7)) & 1;
}

static bool record_ok(const struct hidden *h, uint64_t record)
{
    uint64_t bitmap = ((uint64_t)1 << h->map.page_shift) / 64;
    return h->map.record_cells >= RECORD_HEADER + (bitmap ? bitmap : 1) &&
           range_ok(record, h->map.record_cells, h->map.cell_count);
}

/* The run of a SPLIT page that holds sector `within`; which becomes relative to it. */
static bool split_find(const struct hidden *h, uint64_t *cell, uint64_t *within, uint64_t *left)
{
    uint64_t first = map_cell_lba(*cell), runs = (uint64_t)map_cell_first(*cell) + 1, run;
    for (uint64_t i = runs; i--;) { /* ends: with the first run, which starts at 0 */
        if (!cell_get(h, first + i, &run))
            return false;
        if (map_cell_first(run) > *within) {
            uint64_t until = map_cell_first(run) - *within;
            *left = until < *left ? until : *left;
            continue;
        }
        *within -= map_cell_first(run);
        *cell = run;
        return map_cell_kind(run) != MAP_SPLIT && map_cell_kind(run) != MAP_MIXED;
    }
    return false;
}

/* A MIXED page: own sectors or what they stand on, as far as the bits are alike. */
static bool mixed_find(const struct hidden *h, uint64_t *cell, uint64_t within, uint64_t *left,
                       bool write)
{
    uint64_t record = map_cell_lba(*cell), n = 1;
    if (!record_ok(h, record))
        return false;
    const uint8_t *bits = bits_of(h, record);
    bool own = bit_at(bits, within);
    while (n < *left && bit_at(bits, within + n) == own)
        n++;
    *left = write ? *left : n;
    *cell = h->cell[record + (write || own ? MAP_RECORD_OWN : MAP_RECORD_BASE)];
    return map_cell_kind(*cell) != MAP_MIXED;
}

/* `write`: where a write would go. */
static bool find(const struct hidden *h, uint64_t lba, bool write, struct place *p)
{
    uint64_t size = (uint64_t)1 << h->map.page_shift, within = lba & (size - 1);
    uint64_t left = size - within, cell;
    if (left > h->sectors - lba)
        left = h->sectors - lba;
    if (!cell_get(h, lba >> h->map.page_shift, &cell))
        return false;
    if (map_cell_kind(cell) == MAP_MIXED && !mixed_find(h, &cell, within, &left, write))
        return false;
    if (map_cell_kind(cell) == MAP_SPLIT && !split_find(h, &cell, &within, &left))
        return false;
    *p =
        (struct place){.kind = map_cell_kind(cell), .count = left, .writable = cell & MAP_WRITABLE};
    if (p->kind != MAP_RAM)
        return p->kind == MAP_ZERO || p->kind == MAP_DIRECT;
    uint64_t address = (map_cell_lba(cell) + within) << SECTOR_SHIFT;
    if (address < h->start ||
        !range_ok(address - h->start, left << SECTOR_SHIFT, h->map.cells - h->start))
        return false;
    p->at = h->memory + (address - h->start);
    return true;
}

/* Gives the page of `lba` a record of its own. 0 or an errno. */
static int page_grow(struct hidden *h, uint64_t lba, struct fail *f)
{
    uint64_t page = lba >> h->map.page_shift, record = *h->record_next, cell;
    if (h->map.growth != MAP_GROWS_IN_MEMORY || record < h->map.record_first ||
        record >= h->map.record_end)
        return store_refuse(f, ENOSPC, FULL, 0);
    if (!record_ok(h, record) || !cell_get(h, page, &cell) || map_cell_kind(cell) == MAP_MIXED)
        return store_fail(f, EIO, BROKEN, lba);
    *h->record_next = (uint32_t)(record + h->map.record_cells);
    h->cell[record + MAP_RECORD_BASE] = cell;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    h->cell[page] = map_cell(MAP_MIXED, 0, 0, record) | MAP_WRITABLE;
    return 0;
}

/* Where a write goes, which is there afterwards. */
static int place_make(struct hidden *h, uint64_t lba, struct place *p, struct fail *f)
{
    if (!find(h, lba, true, p))
        return store_fail(f, EIO, BROKEN, lba);
    if (p->kind == MAP_RAM && p->writable)
        return 0;
    int error = page_grow(h, lba, f);
    if (error)
        return error;
    bool ok = find(h, lba, true, p) && p->kind == MAP_RAM && p->writable;
    return ok ? 0 : store_fail(f, EIO, BROKEN, lba);
}

/* Sectors that were written are the page's own now. */
static void bits_set(struct hidden *h, uint64_t lba, uint64_t count)
{
    uint64_t cell = h->cell[lba >> h->map.page_shift];
    uint64_t n = lba & (((uint64_t)1 << h->map.page_shift) - 1);
    if (map_cell_kind(cell) != MAP_MIXED)
        return;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    uint8_t *bits = bits_of(h, map_cell_lba(cell));
    for (uint64_t end = n + count; n < end; n++)
        bits[n >> 3] |= (uint8_t)(0x80 >> (n & 7));
}

static int read_sectors(struct hidden *h, uint8_t *to, uint64_t lba, uint64_t count, struct fail *f)
{
    while (count) { /* ends: count shrinks */
        struct place p;
        pthread_mutex_lock(&h->lock);
        bool ok = find(h, lba, false, &p);
        uint64_t n = ok && p.count < count ? p.count : count;
        size_t bytes = (size_t)(n << SECTOR_SHIFT);
        if (ok && p.kind == MAP_RAM)
            memcpy(to, p.at, bytes);
        else if (ok && p.kind == MAP_ZERO)
            memset(to, 0, bytes);
        pthread_mutex_unlock(&h->lock);
        int error = !ok ? store_fail(f, EIO, BROKEN, lba)
                    : p.kind == MAP_DIRECT
                        ? h->above.below(h->above.below_ctx, to, bytes, lba << SECTOR_SHIFT, f)
                        : 0;
        if (error)
            return error;
        to += bytes;
        lba += n;
        count -= n;
    }
    return 0;
}

/* Zeros where `from` is NULL. */
static int write_sectors(struct hidden *h, const uint8_t *from, uint64_t lba, uint64_t count,
                         struct fail *f)
{
    while (count) { /* ends: count shrinks */
        struct place p;
        pthread_mutex_lock(&h->lock);
        int error = place_make(h, lba, &p, f);
        uint64_t n = !error && p.count < count ? p.count : count;
        size_t bytes = (size_t)(n << SECTOR_SHIFT);
        if (!error) {
            if (from)
                memcpy(p.at, from, bytes);
            else
                memset(p.at, 0, bytes);
            bits_set(h, lba, n);
        }
        pthread_mutex_unlock(&h->lock);
        if (error)
            return error;
        from = from ? from + bytes : NULL;
        lba += n;
        count -= n;
    }
    return 0;
}

/* --- The interface; the kernel asks for whole sectors */

static int check(uint64_t len, uint64_t off, struct fail *f)
{
    return (len | off) & (SECTOR_SIZE - 1)
               ? store_fail(f, EINVAL, "byte %u is not where a sector begins", off)
               : 0;
}

static int hidden_read(struct above *a, void *buf, size_t len, uint64_t off, struct fail *f)
{
    int error = check(len, off, f);
    return error
               ? error
               : read_sectors((struct hidden *)a, buf, off >> SECTOR_SHIFT, len >> SECTOR_SHIFT, f);
}

static int hidden_write(struct above *a, const void *buf, size_t len, uint64_t off, struct fail *f)
{
    int error = check(len, off, f);
    return error ? error
                 : write_sectors((struct hidden *)a, buf, off >> SECTOR_SHIFT, len >> SECTOR_SHIFT,
                                 f);
}

static int hidden_zero(struct above *a, uint64_t len, uint64_t off, struct fail *f)
{
    int error = check(len, off, f);
    return error ? error
                 : write_sectors((struct hidden *)a, NULL, off >> SECTOR_SHIFT, len >> SECTOR_SHIFT,
                                 f);
}

static bool hidden_holds(struct above *a, uint64_t off, uint64_t *len)
{
    const struct hidden *h = (const struct hidden *)a;
    *len = (h->sectors << SECTOR_SHIFT) - off; /* nobody needs it finer */
    return true;
}

static void hidden_close(struct above *a)
{
    struct hidden *h = (struct hidden *)a;
    if (h->memory)
        munmap(h->memory, h->bytes);
    if (h->low)
        munmap(h->low, PAGE);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

/* Does what the table says fit together? */
static bool map_ok(const struct boottable *t)
{
    const struct boottable_map *m = &t->map;
    uint64_t pages = (t->disk_sectors + ((uint64_t)1 << m->page_shift) - 1) >> m->page_shift;
    return m->contents && !(m->contents % PAGE) && m->contents + m->contents_bytes == m->changes &&
           m->changes + m->changes_bytes == m->cells && !(m->cells % 8) &&
           m->cells < (uint64_t)1 << 32 && m->contents < m->cells + 1 && pages <= m->file_page &&
           m->file_page <= m->cell_count && m->record_end <= m->cell_count &&
           m->page_shift >= MAP_PAGE_SHIFT_MIN && !(m->record_next % 4) &&
           m->record_next >= 0x500 && m->record_next < 0xa0000;
}

static bool memory_map(struct hidden *h, const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return false;
    const int both = PROT_READ | PROT_WRITE;
    uint64_t next = h->map.record_next;
    uint64_t end = h->map.cells + (uint64_t)h->map.cell_count * 8;
    h->start = h->map.contents;
    h->bytes = (size_t)((end - h->start + PAGE - 1) / PAGE * PAGE);
    void *memory = mmap(NULL, h->bytes, both, MAP_SHARED, fd, (off_t)h->start);
    void *low = mmap(NULL, PAGE, both, MAP_SHARED, fd, (off_t)(next / PAGE * PAGE));
    close(fd);
    h->memory = memory == MAP_FAILED ? NULL : memory;
    h->low = low == MAP_FAILED ? NULL : low;
    if (!h->memory || !h->low)
        return false;
    h->cell = (volatile uint64_t *)(h->memory + (h->map.cells - h->start));
    h->record_next = (volatile uint32_t *)(h->low + next % PAGE);
    return true;
}

struct above *hidden_open(const struct boottable *table, const char *memory, struct fail *f)
{
    if (!map_ok(table)) {
        (void)fail(f, ERR_CORRUPT, "the boot table's words about the block map cannot be right", 0);
        return NULL;
    }
    struct hidden *h = calloc(1, sizeof *h);
    if (!h) {
        (void)fail(f, ERR_MEMORY, "out of memory", 0);
        return NULL;
    }
    pthread_mutex_init(&h->lock, NULL);
    h->map = table->map;
    h->sectors = table->disk_sectors;
    h->above = (struct above){.read_only = table->write == WRITE_NONE || table->write_protected,
                              .read = hidden_read,
                              .write = hidden_write,
                              .zero = hidden_zero,
                              .holds = hidden_holds,
                              .close = hidden_close};
    if (memory_map(h, memory))
        return &h->above;
    (void)fail(f, ERR_READ, "the memory with the disk's changes cannot be reached", 0);
    hidden_close(&h->above);
    return NULL;
}
