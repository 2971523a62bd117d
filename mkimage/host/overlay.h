/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sectors that are to be written to a device, kept in memory together with what they replace.
 * Promises: the device is only read until somebody asks for the sectors; a sector whose new content
 * equals the old one is not listed.
 */
#ifndef MKIMAGE_HOST_OVERLAY_H
#define MKIMAGE_HOST_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/bounds.h"

struct overlay_sector {
    uint64_t lba;
    uint8_t step; /* when it is its turn to be written; the user's own numbers */
    uint8_t before[SECTOR_SIZE], after[SECTOR_SIZE];
};

/* Reads what the device itself holds now; false with errno set. */
typedef bool overlay_below(const void *ctx, void *buf, size_t size, uint64_t off);

struct overlay {
    overlay_below *below;
    const void *ctx;               /* below's own */
    struct overlay_sector *sector; /* in the order of their first write */
    size_t count, capacity;
    uint32_t *slot; /* hash table: index into sector, plus one */
    size_t slots;
};

void overlay_init(struct overlay *o, overlay_below *below, const void *ctx);
void overlay_free(struct overlay *o);

/* Lays what was written over `size` bytes that were read from the device at `off`. */
bool overlay_read(const struct overlay *o, void *buf, size_t size, uint64_t off);

/* False with errno set where memory is out or the device cannot be read. */
bool overlay_write(struct overlay *o, const void *buf, size_t size, uint64_t off);

/* Takes back what was written to these bytes: whole sectors. */
void overlay_revert(struct overlay *o, uint64_t off, uint64_t size);

/* Drops sectors that changed nothing and sorts the rest by lba. */
void overlay_settle(struct overlay *o);

#endif
