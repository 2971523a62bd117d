/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A thread that does something every few seconds: the engine flushes, so that a server that is
 * killed loses little. */
#ifndef MKIMAGE_SERVE_KEEPER_H
#define MKIMAGE_SERVE_KEEPER_H

struct keeper;

/* NULL: out of memory, or of threads. */
struct keeper *keeper_start(unsigned seconds, void (*beat)(void *ctx), void *ctx);

/* Ends it, after a beat that is on its way; NULL does nothing. */
void keeper_end(struct keeper *k);

#endif
