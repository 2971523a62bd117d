/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The new form: entries, one after the other, until one is not whole or not the next. Every offset
 * and size is checked against log and hive. */
#include <string.h>
#include "core/base/endian.h"
#include "core/hive/format.h"
#include "windows/hivelog.h"
#include "windows/hivelog_forms.h"

#define HASH_SEED 0x82ef4d887a4e55c5u

struct log_entry {
    uint8_t magic[4]; /* 0x00: "HvLE" */
    le32 size;        /* 0x04: of all of it, a multiple of 512 */
    le32 flags;       /* 0x08: bit 0 of the header's */
    le32 sequence;    /* 0x0c */
    le32 length;      /* 0x10: of the hive's bins */
    le32 pages;       /* 0x14 */
    le64 hash[2];     /* 0x18: of what follows this header; of the first 32 bytes */
};
static_assert(sizeof(struct log_entry) == 40);

struct log_page {
    le32 offset; /* in the bins */
    le32 size;
};

/* --- Marvin32, with all 64 bits of its result */

static uint32_t turn(uint32_t x, unsigned by)
{
    return x << by | x >> (32 - by);
}

static void mix(uint32_t s[2], uint32_t word)
{
    s[0] += word;
    s[1] ^= s[0];
    s[0] = turn(s[0], 20) + s[1];
    s[1] = turn(s[1], 9) ^ s[0];
    s[0] = turn(s[0], 27) + s[1];
    s[1] = turn(s[1], 19);
}

uint64_t hivelog_hash(const uint8_t *data, size_t size, uint64_t seed)
{
    uint32_t s[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    size_t whole = size & ~(size_t)3;
    for (size_t i = 0; i < whole; i += 4)
        mix(s, le32_get(*(const le32 *)(data + i)));
    uint32_t last = 0x80;
    for (size_t i = size; i > whole; i--)
        last = last << 8 | data[i - 1];
    mix(s, last);
    mix(s, 0);
    return (uint64_t)s[1] << 32 | s[0];
}

/* --- Entries */

/* The entry at `at`, whole and right; NULL: none. */
static const struct log_entry *entry_at(struct view log, size_t at)
{
    const struct log_entry *e = view_at(log, at, sizeof *e);
    if (!e || memcmp(e->magic, "HvLE", 4))
        return NULL;
    uint32_t size = le32_get(e->size);
    if (size < sizeof *e || size % SECTOR_SIZE || !view_at(log, at, size))
        return NULL;
    const uint8_t *bytes = (const uint8_t *)e;
    bool ok =
        hivelog_hash(bytes + sizeof *e, size - sizeof *e, HASH_SEED) == le64_get(e->hash[0]) &&
        hivelog_hash(bytes, 32, HASH_SEED) == le64_get(e->hash[1]);
    return ok ? e : NULL;
}

static bool apply(struct hivelog_hive *hive, const struct log_entry *e)
{
    struct view v = {(const uint8_t *)e, le32_get(e->size)};
    uint32_t count = le32_get(e->pages), length = le32_get(e->length);
    const struct log_page *page = view_at(v, sizeof *e, (uint64_t)count * sizeof *page);
    if (!page || !hivelog_stretch(hive, length))
        return false;
    uint64_t at = sizeof *e + (uint64_t)count * sizeof *page;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t offset = le32_get(page[i].offset), size = le32_get(page[i].size);
        const uint8_t *data = view_at(v, at, size);
        if (!data || !range_ok(offset, size, length))
            return false;
        memcpy(hive->bytes + HIVE_HEADER_SIZE + offset, data, size);
        at += size;
    }
    struct hive_header *header = (struct hive_header *)hive->bytes;
    header->length = e->length;
    header->flags = le32_make((le32_get(header->flags) & ~1u) | (le32_get(e->flags) & 1));
    return true;
}

bool hivelog_entries(struct hivelog_hive *hive, struct view log, unsigned *count, uint32_t *next)
{
    const struct hive_header *own = view_at(log, 0, sizeof *own);
    *next = own ? le32_get(own->sequence[0]) : 0;
    *count = 0;
    for (size_t at = SECTOR_SIZE;;) { /* ends: an entry has at least a sector */
        const struct log_entry *e = entry_at(log, at);
        if (!e || le32_get(e->sequence) != *next)
            return true;
        if (!apply(hive, e))
            return false;
        at += le32_get(e->size);
        ++*count;
        ++*next;
    }
}
