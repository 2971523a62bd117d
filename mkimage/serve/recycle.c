/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two lists: places that are free, and places that will be once the tables are on the medium. */
#include "serve/recycle.h"
#include <stdlib.h>

/* Of each kind; what is more stays unused until the image is compacted. The fuzzers have fewer, so
 * that the lists get full. */
#ifndef RECYCLE_PLACES
#define RECYCLE_PLACES 65536u
#endif

bool recycle_open(struct recycle *r)
{
    *r = (struct recycle){.pending = malloc(RECYCLE_PLACES * sizeof *r->pending),
                          .ready = malloc(RECYCLE_PLACES * sizeof *r->ready)};
    if (r->pending && r->ready)
        return true;
    recycle_close(r);
    return false;
}

void recycle_close(struct recycle *r)
{
    free(r->pending);
    free(r->ready);
    *r = (struct recycle){0};
}

bool recycle_leave(struct recycle *r, uint32_t place)
{
    if (r->pending_count == RECYCLE_PLACES)
        return false;
    r->pending[r->pending_count++] = place;
    return true;
}

bool recycle_take(struct recycle *r, uint32_t *place)
{
    if (!r->ready_count)
        return false;
    *place = r->ready[--r->ready_count];
    return true;
}

void recycle_return(struct recycle *r, uint32_t place)
{
    if (r->ready_count < RECYCLE_PLACES)
        r->ready[r->ready_count++] = place;
}

void recycle_settle(struct recycle *r, void (*each)(void *ctx, uint32_t place), void *ctx)
{
    for (uint32_t i = 0; i < r->pending_count; i++) {
        each(ctx, r->pending[i]);
        recycle_return(r, r->pending[i]);
    }
    r->pending_count = 0;
}
