/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a registry hive's logs (.LOG1, .LOG2, .LOG) hold and the hive itself does not yet: since
 * Windows 8.1 that is how a shut-down Windows leaves its hives, before that how one does whose
 * power failed. Replays it into a copy in memory, by the public description of the formats
 * (msuhanov/regf); never writes a file.
 *
 *   sector 0     a copy of the hive's header, of type 6, or 1 and 2 for the form before 8.1
 *   new form     entries, each at a multiple of 512: header, references (offset and size of pages
 *                of the hive), the pages themselves without gaps. Two hashes cover an entry.
 *   old form     at sector 1 a map with a bit for each sector of the hive's bins, then the sectors
 *                whose bits are set
 *
 * New form: the log's own number is its first entry's; each entry's is one more than that before
 * it. A log counts where its number is the hive's second sequence number or later: what is older
 * is in the hive. The earlier log goes first; the other one where it goes on with the next number.
 * Old form: the first log counts whose date is the hive's.
 *
 * A hive whose header's sum is wrong gets its header from the log: the later one in the new form,
 * in the old one the one whose date is the first bin's.
 */
#ifndef MKIMAGE_WINDOWS_HIVELOG_H
#define MKIMAGE_WINDOWS_HIVELOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/bounds.h"

#define HIVELOG_LOGS     3u /* .LOG1, .LOG2, .LOG */
#define HIVELOG_HIVE_MAX ((uint64_t)1 << 30)

/* What each log's name ends with. */
extern const char *const hivelog_suffix[HIVELOG_LOGS];

struct hivelog_result {
    unsigned entries; /* that were replayed; a log of the old form is one */
    const char *why;  /* what stands in the way, as the end of a sentence; NULL: nothing */
};

/* Does the hive need its logs: do its sequence numbers differ, or is its header's sum wrong? */
bool hivelog_needed(struct view hive);

/*
 * Brings the hive in *bytes (allocated; becomes another block then) up to date, and its sequence
 * numbers equal, beyond all that the logs name. A hive that needs none of it, or whose logs do not
 * fit, stays as it is. An empty view is a log that is not there.
 */
struct hivelog_result hivelog_replay(uint8_t **bytes, size_t *size,
                                     const struct view log[HIVELOG_LOGS]);

/* The hash that covers entries: for those who make them in tests. */
uint64_t hivelog_hash(const uint8_t *data, size_t size, uint64_t seed);

#endif
