/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An eye on the clock while drives are read: who waits is told for what, and the menu, which only
 * glances at an entry, does not wait. */
#ifndef STAGE2_WATCH_H
#define STAGE2_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct blk;

/* A step begins: "reading " "\vhdboot.cfg". Once it has taken more than a second it is told. */
void watch_begin(const char *doing, const char *subject);

/* Since then. */
uint32_t watch_ticks(void);

/* Makes `watched` of the drive: who reads by it is watched. Nothing is written by it. */
struct blk *watch_drive(struct blk *watched, struct blk *drive);

/*
 * Until watch_glance_end() reads give way to the user: they fail once a key waits, `sparing` also
 * once they have taken more sectors than a menu waits for. Nothing of the step is told. What has
 * given up once reads no more; watch_glance_end() says whether it has.
 */
void watch_glance(bool sparing);
bool watch_glance_end(void);

/* Gives up where the glance is a sparing one, before what may be slow. Returns whether it does. */
bool watch_gives_up(void);

#endif
