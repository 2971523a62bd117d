/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What serve_open() opens before there is an engine: a chain, where its files lie, and a store for
 * each. Judges whether the image may be written, replays the log of a VHDX that was not closed.
 */
#ifndef MKIMAGE_SERVE_OPENED_H
#define MKIMAGE_SERVE_OPENED_H

#include "serve/serve.h"

struct opened;

/* The sentence of a failure that was said already, with its reason, when it was met. */
extern const char opened_said[];

/* NULL with the reason in `f`. */
struct opened *opened_open(const struct serve_options *options, struct fail *f);

/* The stores are not closed with it; NULL does nothing. */
void opened_close(struct opened *o);

struct chain *opened_chain(struct opened *o);
struct store *const *opened_stores(struct opened *o);

/* The drive that the image is written through; NULL: it is not written, or a file of the host. */
struct device *opened_drive(struct opened *o);

/* How it is written: as the options say, or the entry. */
enum write_mode opened_write(const struct opened *o);

#endif
