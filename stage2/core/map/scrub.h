/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks ahead of the guest whether free slots of an image are empty, and empties them. */
#ifndef CORE_MAP_SCRUB_H
#define CORE_MAP_SCRUB_H

#include <stdbool.h>
#include <stdint.h>

struct blk;
struct map;
struct text;

#define MAP_SCRUB_SECTORS   127u /* of the buffer: what one call of a BIOS reads */
#define MAP_SLOTS_LOOKED_AT 1u   /* slots that are, however little time there is */

/*
 * Makes the own sectors of free records zero, in order, as long as `more` says, and takes
 * MAP_OWN_DIRTY off them. Those that a note vouches for are left alone. A differencing image's
 * slots are looked at only in front of such ones: it can do with a slot that is not. The resident
 * handler does the rest when a slot is needed. Nothing refers to a slot yet, so
 * power may fail at any point. `drive` is indexed by the map's drive numbers. A sector that fails
 * ends it: the handler will meet it and tell the guest.
 */
void map_scrub(struct map *map, struct blk *const *drive, bool (*more)(void),
               uint8_t buffer[MAP_SCRUB_SECTORS * 512]);

/* Free slots that the resident handler would have to look at before it makes blocks of them: those
 * that no note vouches for, but for what map_scrub() has looked at. */
uint32_t map_slots_unknown(const struct map *map);

/* Adds why the resident handler takes `bytes` of conventional memory, `before` the number. */
void map_slots_describe(struct text *t, const struct map *map, const char *before, uint32_t bytes);

#endif
