/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Places of the file that blocks were in. One may be used again once the table that no longer names
 * it is on the medium: until then a cut brings the old block back, which must still be whole.
 */
#ifndef MKIMAGE_SERVE_RECYCLE_H
#define MKIMAGE_SERVE_RECYCLE_H

#include <stdbool.h>
#include <stdint.h>

struct recycle {
    uint32_t *pending, *ready;
    uint32_t pending_count, ready_count;
};

/* False: out of memory. */
bool recycle_open(struct recycle *r);
void recycle_close(struct recycle *r);

/* A block leaves `place`; false: no more can be remembered, the block has to stay. */
bool recycle_leave(struct recycle *r, uint32_t place);

/* A place for a new block; its content is what was there. */
bool recycle_take(struct recycle *r, uint32_t *place);

/* Gives one back that was not used after all. */
void recycle_return(struct recycle *r, uint32_t place);

/* The tables are on the medium. Calls `each` for every place that gets free. */
void recycle_settle(struct recycle *r, void (*each)(void *ctx, uint32_t place), void *ctx);

#endif
