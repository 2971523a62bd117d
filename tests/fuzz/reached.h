/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far a fuzzer's inputs got, told on standard output when it ends: one that fails at the first
 * check of all its inputs tests that check alone. */
#ifndef FUZZ_REACHED_H
#define FUZZ_REACHED_H

#include <stdio.h>
#include <stdlib.h>

enum reached {
    REACHED_INPUT,
    REACHED_OPENED,
    REACHED_REPLAYED, /* a log */
    REACHED_DONE,     /* all requests went well, the image was closed */
    REACHED_AGAIN,    /* opened again, and compared */
    REACHED_COUNT,
};

static unsigned long reached_count[REACHED_COUNT];

static inline void reached_tell(void)
{
    static const char *const name[] = {"inputs", "opened", "replayed", "done", "again"};
    for (unsigned i = 0; i < REACHED_COUNT; i++) {
        if (reached_count[i])
            printf("reached::%s: %lu\n", name[i], reached_count[i]);
    }
    fflush(stdout);
}

static inline void reached(enum reached what)
{
    if (!reached_count[REACHED_INPUT])
        (void)atexit(reached_tell);
    reached_count[what]++;
}

#endif
