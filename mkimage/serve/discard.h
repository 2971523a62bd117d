/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes to a disk that are not kept: in a file without a name, which goes when it is closed, by
 * whatever end. Memory is a bit for each 4 KiB that were changed.
 */
#ifndef MKIMAGE_SERVE_DISCARD_H
#define MKIMAGE_SERVE_DISCARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/errors.h"

struct discard;

/* Reads whole sectors of the disk below; 0 or an errno. */
typedef int discard_below(void *ctx, void *buf, size_t len, uint64_t off, struct fail *f);

/* The file lies in $TMPDIR, else in /var/tmp. NULL with the reason in `f`. */
struct discard *discard_open(uint64_t size, discard_below *below, void *ctx, struct fail *f);
void discard_close(struct discard *d);

/* Ranges lie inside the disk. 0 or an errno. */
int discard_read(struct discard *d, void *buf, size_t len, uint64_t off, struct fail *f);
int discard_write(struct discard *d, const void *buf, size_t len, uint64_t off, struct fail *f);
int discard_zero(struct discard *d, uint64_t len, uint64_t off, struct fail *f);

/* Was `off` changed? *len: for so many bytes the answer is the same. */
bool discard_holds(struct discard *d, uint64_t off, uint64_t *len);

#endif
