/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The map's changes: the first write to a page, and to a sector of a MIXED one. Both end the
 * request (machine_throw) where they fail. */
#ifndef RESIDENT_GROW_H
#define RESIDENT_GROW_H

#include <stdint.h>

/* Makes known that `count` sectors of a MIXED page, from `within` on, are its own: in the file,
 * then in the map. They lie in one sector of the bitmap. */
void bits_set(uint32_t record, uint32_t within, uint32_t count);

/* Gives the page sectors of its own, which say what it said before: the write comes afterwards, as
 * any other. */
void page_grow(uint32_t page);

#endif
