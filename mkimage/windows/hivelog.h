/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a registry hive's logs (.LOG1, .LOG2) hold and the hive itself does not yet: since Windows
 * 8.1 that is how a shut-down Windows leaves its hives. Replays it into a copy in memory, by the
 * public description of the format; never writes a file.
 *
 *   sector 0     a copy of the hive's header, type 6
 *   then         entries, each at a multiple of 512: header, references (offset and size of pages
 * of the hive), the pages themselves without gaps. Two hashes cover an entry.
 *
 * An entry counts where its hashes are right and its number follows the one before; the first one
 * is the hive's own first sequence number or later. The logs are used in the order of their
 * numbers.
 */
#ifndef MKIMAGE_WINDOWS_HIVELOG_H
#define MKIMAGE_WINDOWS_HIVELOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/bounds.h"

#define HIVELOG_LOGS     2u
#define HIVELOG_HIVE_MAX ((uint64_t)1 << 30)

struct hivelog_result {
    unsigned entries; /* that were replayed */
    const char *why;  /* what stands in the way, as the end of a sentence; NULL: nothing */
};

/*
 * Brings the hive in *bytes (allocated; may become another block) up to date, and its sequence
 * numbers equal, beyond all that the logs name. A hive that needs none of it stays as it is. An
 * empty view is a log that is not there.
 */
struct hivelog_result hivelog_replay(uint8_t **bytes, size_t *size,
                                     const struct view log[HIVELOG_LOGS]);

/* The hash that covers entries: for those who make them in tests. */
uint64_t hivelog_hash(const uint8_t *data, size_t size, uint64_t seed);

#endif
