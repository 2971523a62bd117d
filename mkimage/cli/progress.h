/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A line on the terminal for what takes longer than a second; nothing where there is none. */
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
