/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every offset and size of a log is checked against the log and the hive; each loop moves on in one
 * of them. */
#include "windows/hivelog.h"
#include <stdlib.h>
#include <string.h>
#include "core/base/endian.h"
#include "core/hive/cell.h"
#include "core/hive/format.h"

#define LOG_TYPE  6u
#define HASH_SEED 0xc5554e7a884def82u

struct log_entry {
    uint8_t magic[4]; /* 0x00: "HvLE" */
    le32 size;        /* 0x04: of all of it, a multiple of 512 */
    le32 flags;
    le32 sequence; /* 0x0c */
    le32 length;   /* 0x10: of the hive's bins */
    le32 pages;    /* 0x14 */
    le64 hash[2];  /* 0x18: of what follows this header; of the first 32 bytes */
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

/* Where the entry with this number, or with `least` the first one from it on, lies in the log; 0:
 * nowhere. Ends: an entry has at least a sector. */
static size_t entry_find(struct view log, uint32_t sequence, bool least, uint32_t *found)
{
    const struct hive_header *header = view_at(log, 0, SECTOR_SIZE);
    if (!header || memcmp(header->magic, "regf", 4) || le32_get(header->type) != LOG_TYPE)
        return 0;
    for (size_t at = SECTOR_SIZE;;) {
        const struct log_entry *e = entry_at(log, at);
        if (!e)
            return 0;
        *found = le32_get(e->sequence);
        if (*found == sequence || (least && *found - sequence < UINT32_MAX / 2))
            return at;
        at += le32_get(e->size);
    }
}

struct replay {
    uint8_t *bytes;
    size_t size;
};

/* The hive gets room for so many bytes of bins. */
static bool stretch(struct replay *r, uint32_t length)
{
    size_t wanted = HIVE_HEADER_SIZE + (size_t)length;
    if (wanted > HIVELOG_HIVE_MAX)
        return false;
    uint8_t *bytes = wanted > r->size ? realloc(r->bytes, wanted) : r->bytes;
    if (!bytes)
        return false;
    if (wanted > r->size) {
        memset(bytes + r->size, 0, wanted - r->size);
        r->size = wanted;
    }
    r->bytes = bytes;
    return true;
}

static bool apply(struct replay *r, const struct log_entry *e)
{
    struct view v = {(const uint8_t *)e, le32_get(e->size)};
    uint32_t count = le32_get(e->pages), length = le32_get(e->length);
    const struct log_page *page = view_at(v, sizeof *e, (uint64_t)count * sizeof *page);
    if (!page || length % HIVE_BIN_ALIGN || !stretch(r, length))
        return false;
    uint64_t at = sizeof *e + (uint64_t)count * sizeof *page;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t offset = le32_get(page[i].offset), size = le32_get(page[i].size);
        const uint8_t *data = view_at(v, at, size);
        if (!data || !range_ok(offset, size, length))
            return false;
        memcpy(r->bytes + HIVE_HEADER_SIZE + offset, data, size);
        at += size;
    }
    struct hive_header *header = (struct hive_header *)r->bytes;
    header->length = e->length;
    return true;
}

static void settle(struct hive_header *header, uint32_t sequence)
{
    header->sequence[0] = header->sequence[1] = le32_make(sequence);
    header->checksum = le32_make(hive_header_sum(header));
}

struct hivelog_result hivelog_replay(uint8_t **bytes, size_t *size,
                                     const struct view log[HIVELOG_LOGS])
{
    struct hivelog_result result = {0};
    struct hive_header *header = (struct hive_header *)*bytes;
    if (*size < HIVE_HEADER_SIZE || memcmp(header->magic, "regf", 4))
        return result; /* whoever opens it says so */
    uint32_t next = le32_get(header->sequence[0]);
    if (hive_header_sum(header) != le32_get(header->checksum)) {
        result.why = "the hive's header is damaged";
        return result;
    }
    if (next == le32_get(header->sequence[1]))
        return result;
    struct replay r = {*bytes, *size};
    for (bool first = true;; first = false) { /* ends: each entry is found once, by its number */
        uint32_t number[HIVELOG_LOGS];
        size_t at[HIVELOG_LOGS];
        for (unsigned i = 0; i < HIVELOG_LOGS; i++)
            at[i] = entry_find(log[i], next, first, &number[i]);
        unsigned use = at[0] && (!at[1] || number[0] - next <= number[1] - next) ? 0 : 1;
        if (!at[use])
            break;
        if (!apply(&r, entry_at(log[use], at[use]))) {
            result.why = "one of its logs contradicts itself";
            break;
        }
        result.entries++;
        next = number[use] + 1;
    }
    *bytes = r.bytes;
    *size = r.size;
    if (!result.entries && !result.why)
        result.why = "no log beside it holds the rest";
    if (!result.why)
        settle((struct hive_header *)r.bytes, next);
    return result;
}
