/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which log counts, and what the hive is afterwards. */
#include "windows/hivelog.h"
#include <stdlib.h>
#include <string.h>
#include "core/base/bits.h"
#include "core/base/endian.h"
#include "core/hive/cell.h"
#include "core/hive/format.h"
#include "windows/hivelog_forms.h"

#define TYPE_OLD  1u
#define TYPE_2000 2u
#define TYPE_NEW  6u
#define SINGLE    2u /* .LOG: instead of the two others, where those are empty */

const char *const hivelog_suffix[HIVELOG_LOGS] = {".LOG1", ".LOG2", ".LOG"};

static bool sum_ok(const struct hive_header *header)
{
    return hive_header_sum(header) == le32_get(header->checksum);
}

/* The hive's header; NULL: it is none. */
static const struct hive_header *header_of(struct view hive)
{
    const struct hive_header *header = view_at(hive, 0, sizeof *header);
    return header && hive.size >= HIVE_HEADER_SIZE && !memcmp(header->magic, "regf", 4) ? header
                                                                                        : NULL;
}

bool hivelog_needed(struct view hive)
{
    const struct hive_header *header = header_of(hive);
    return header &&
           (!sum_ok(header) || le32_get(header->sequence[0]) != le32_get(header->sequence[1]));
}

/* --- The logs */

struct log {
    struct view bytes;
    const struct hive_header *header; /* NULL: there is no log, or it is damaged */
    uint32_t type, sequence;
    bool damaged;
};

/* A log that was made and never used is empty, or zeros. */
static struct log log_look(struct view bytes)
{
    struct log log = {.bytes = bytes};
    const struct hive_header *header = view_at(bytes, 0, sizeof *header);
    if (!header || bytes_are((const uint8_t *)header, sizeof *header, 0))
        return log;
    log.type = le32_get(header->type);
    log.sequence = le32_get(header->sequence[0]);
    log.damaged = memcmp(header->magic, "regf", 4) || !sum_ok(header) ||
                  log.sequence != le32_get(header->sequence[1]) ||
                  (log.type != TYPE_OLD && log.type != TYPE_2000 && log.type != TYPE_NEW);
    log.header = log.damaged ? NULL : header;
    return log;
}

/* Is `a` the number `b`, or one that comes after it? They wrap. */
static bool from_on(uint32_t a, uint32_t b)
{
    return a - b < UINT32_MAX / 2;
}

/* --- Both forms */

/* Puts the logs of the new form into their order; NULL: there is none. */
static void order_new(const struct log *log, const struct log **first, const struct log **second)
{
    *first = *second = NULL;
    for (unsigned i = 0; i < SINGLE; i++) {
        if (!log[i].header || log[i].type != TYPE_NEW)
            continue;
        if (*first)
            *second = &log[i];
        else
            *first = &log[i];
    }
    if (*second && from_on((*first)->sequence, (*second)->sequence)) {
        const struct log *later = *first;
        *first = *second;
        *second = later;
    }
}

static bool replay_new(struct hivelog_hive *hive, const struct log *first, const struct log *second,
                       bool header_ok, unsigned *entries, uint32_t *next)
{
    const struct hive_header *header = (const struct hive_header *)hive->bytes;
    unsigned count = 0;
    if (!header_ok) {
        first = second ? second : first;
        second = NULL;
        hivelog_take_header(hive, first->bytes);
    } else if (second && !from_on(first->sequence, le32_get(header->sequence[1]))) {
        first = second;
        second = NULL;
    }
    if (header_ok && !from_on(first->sequence, le32_get(header->sequence[1])))
        return true;
    if (!hivelog_entries(hive, first->bytes, entries, next))
        return false;
    if (!second || second->sequence != *next || !*entries)
        return true;
    bool ok = hivelog_entries(hive, second->bytes, &count, next);
    *entries += count;
    return ok;
}

/* When the hive was written last, as its header says, or its first bin. */
static uint64_t date_of(const struct hivelog_hive *hive, bool header_ok)
{
    const struct view bytes = {hive->bytes, hive->size};
    const struct hive_bin *bin = view_at(bytes, HIVE_HEADER_SIZE, sizeof *bin);
    const struct hive_header *header = (const struct hive_header *)hive->bytes;
    return header_ok ? le64_get(header->written) : bin ? le64_get(bin->written) : 0;
}

static bool replay_old(struct hivelog_hive *hive, const struct log *log, bool header_ok,
                       unsigned *entries, uint32_t *next)
{
    uint64_t date = date_of(hive, header_ok);
    *next = le32_get(((const struct hive_header *)hive->bytes)->sequence[0]);
    for (unsigned i = 0; i < HIVELOG_LOGS; i++) {
        bool two = log[0].header || log[1].header;
        if (!log[i].header || log[i].type == TYPE_NEW || (i == SINGLE && two) ||
            le64_get(log[i].header->written) != date)
            continue;
        *entries = 1;
        if (!header_ok || from_on(log[i].sequence, *next))
            *next = log[i].sequence + 1;
        return hivelog_sectors(hive, log[i].bytes);
    }
    return true;
}

/* Does bin follow bin, to the end? What a log brought in is not believed otherwise. */
static bool bins_ok(const struct hivelog_hive *hive)
{
    struct view bytes = {hive->bytes, hive->size};
    uint32_t length = le32_get(((const struct hive_header *)hive->bytes)->length);
    uint32_t at = 0;
    while (at < length) { /* ends: a bin has 4096 bytes or more */
        const struct hive_bin *bin = view_at(bytes, HIVE_HEADER_SIZE + (uint64_t)at, sizeof *bin);
        uint32_t size = bin ? le32_get(bin->size) : 0;
        if (!bin || memcmp(bin->magic, "hbin", 4) || le32_get(bin->at) != at || !size ||
            size % HIVE_BIN_ALIGN || size > length - at)
            return false;
        at += size;
    }
    return true;
}

static void settle(struct hive_header *header, uint32_t sequence)
{
    header->sequence[0] = header->sequence[1] = le32_make(sequence);
    header->checksum = le32_make(hive_header_sum(header));
}

/* Replays into the copy; NULL, or why not. */
static const char *replay(struct hivelog_hive *hive, const struct log *log, unsigned *entries)
{
    bool header_ok = sum_ok((const struct hive_header *)hive->bytes), gap = false, ok;
    const struct log *first, *second;
    uint32_t next = 0;
    order_new(log, &first, &second);
    if (first)
        ok = replay_new(hive, first, second, header_ok, entries, &next);
    else
        ok = replay_old(hive, log, header_ok, entries, &next);
    if (second && header_ok && *entries)
        gap = second->sequence != next && from_on(second->sequence, next);
    if (!ok || (*entries && !bins_ok(hive)))
        return "one of its logs contradicts itself";
    if (gap)
        return "a change is missing between its two logs";
    if (!*entries && header_ok)
        return "no log beside it holds the rest";
    if (!*entries)
        return "its header is damaged, and no log beside it holds another";
    settle((struct hive_header *)hive->bytes, next);
    return NULL;
}

struct hivelog_result hivelog_replay(uint8_t **bytes, size_t *size,
                                     const struct view views[HIVELOG_LOGS])
{
    struct hivelog_result result = {0};
    if (!hivelog_needed((struct view){*bytes, *size}))
        return result; /* what is no hive too: whoever opens it says so */
    struct log log[HIVELOG_LOGS];
    for (unsigned i = 0; i < HIVELOG_LOGS; i++) {
        log[i] = log_look(views[i]);
        if (log[i].damaged && (i != SINGLE || (!log[0].header && !log[1].header)))
            result.why = "a log beside it is damaged";
    }
    struct hivelog_hive copy = {result.why ? NULL : malloc(*size), *size};
    if (!copy.bytes && !result.why)
        result.why = "there is no memory for it";
    if (result.why)
        return result;
    memcpy(copy.bytes, *bytes, *size);
    result.why = replay(&copy, log, &result.entries);
    if (result.why) {
        free(copy.bytes);
        result.entries = 0;
        return result;
    }
    free(*bytes);
    *bytes = copy.bytes;
    *size = copy.size;
    return result;
}
