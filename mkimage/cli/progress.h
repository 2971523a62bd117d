/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far a task is, with rate and time left: on a terminal once it has taken a second, else in a
 * line every five. */
#ifndef MKIMAGE_CLI_PROGRESS_H
#define MKIMAGE_CLI_PROGRESS_H

#include <stdint.h>

/* Starts a task of `total` bytes; `what` stays valid until it ends. */
void progress_start(const char *what, uint64_t total);
void progress_add(uint64_t bytes);

/* Bytes that cost no time: the rate, and how long the rest takes, are judged without them. */
void progress_skip(uint64_t bytes);
void progress_end(void);

/* Takes the line away, so that a message can be written. */
void progress_clear(void);

#endif
