/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For fuzzers that open real files thousands of times a second (quick.c, linked with --wrap of what
 * it wraps): knows what the engine wrote, so that only this has to be put back.
 */
#ifndef FUZZ_QUICK_H
#define FUZZ_QUICK_H

#include <stdbool.h>
#include <stdint.h>

#define QUICK_WRITES 256u

/* What was written since the caller cleared it, whatever the file; but for zeros by fallocate(). */
struct quick {
    struct quick_write {
        uint64_t off, len; /* bytes */
    } write[QUICK_WRITES];
    unsigned writes;
    bool more; /* there were more writes than that */
};

extern struct quick quick;

#endif
