/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A thread that flushes a disk every few seconds, so that a server that is killed loses little. */
#ifndef MKIMAGE_SERVE_KEEPER_H
#define MKIMAGE_SERVE_KEEPER_H

struct keeper;
struct serve;

/* NULL: out of memory, or of threads. Nothing is flushed where nothing was written. */
struct keeper *keeper_start(struct serve *s, unsigned seconds);

/* Ends it; NULL does nothing. */
void keeper_end(struct keeper *k);

#endif
