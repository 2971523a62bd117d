/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much of a machine's memory the changes of a disk take: what they can need, what there is. */
#ifndef CORE_MAP_ROOM_H
#define CORE_MAP_ROOM_H

#include <stdint.h>

struct arena;
struct map;
struct map_writes;

/* Pages of a map with MAP_GROWS_IN_MEMORY, its page cells and runs being there, that can come to
 * need memory of their own, as far as what is wanted for changes goes. */
uint32_t map_room_wanted(const struct map *map, const struct map_writes *writes);

/* As many of them as the machine has memory for, where writes->machine says how much it has: beside
 * the disk's contents where these go to memory, beside the map of `cells` cells, and beside a
 * quarter of the rest, which the system gets. `arena` lies in the same memory. */
uint32_t map_room_pages(const struct map *map, const struct map_writes *writes, uint64_t cells,
                        const struct arena *arena);

#endif
