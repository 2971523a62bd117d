/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A record of all writes to a disk, in their order, as QEMU's block driver blklogwrites makes it:
 * the format of Linux's dm-log-writes. Little-endian; one sector "super", then entries: a sector
 * of description and, but for discards, the data.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECORD_FLUSH = 1, RECORD_FUA = 2, RECORD_DISCARD = 4 };

struct record_entry {
    uint64_t sector;
    uint32_t count; /* sectors; 0 for a mere flush */
    uint32_t flags;
    const uint8_t *data;
};

struct record {
    struct record_entry *entry;
    size_t count;
    size_t flushes;
    uint64_t sectors; /* written in all */
};

/* Reads a whole record; says on standard error what is wrong with it. */
bool record_open(struct record *r, const char *path);

#endif
