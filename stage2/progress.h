/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bar that tells how far a disk is read into memory: one line, written again in its place. */
#ifndef STAGE2_PROGRESS_H
#define STAGE2_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Says what is read, and begins to count the time. */
void progress_begin(const char *path);

/* Both in sectors. Returns whether to go on: Esc says no. */
bool progress_show(uint64_t done, uint64_t total);

/* The line: "[####......] 12 of 64 MiB, 4.5 MiB/s", `columns` wide. `ticks` is the time that `done`
 * took. */
void progress_line(char *line, size_t size, unsigned columns, uint64_t done, uint64_t total,
                   uint32_t ticks);

#endif
