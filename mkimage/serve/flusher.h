/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A thread that does something every few seconds: the engine flushes, so that a server that is
 * killed loses little. */
#ifndef MKIMAGE_SERVE_FLUSHER_H
#define MKIMAGE_SERVE_FLUSHER_H

struct flusher;

/* NULL: out of memory, or of threads. */
struct flusher *flusher_start(unsigned seconds, void (*beat)(void *ctx), void *ctx);

/* Ends it, after a beat that is on its way; NULL does nothing. */
void flusher_end(struct flusher *k);

#endif
