/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one image of a chain itself stores, put into another one: its data and its zeros, not what
 * it leaves to its parent. */
#ifndef MKIMAGE_SERVE_LAYER_H
#define MKIMAGE_SERVE_LAYER_H

#include <stdint.h>
#include "core/chain/chain.h"
#include "cli/say.h"

struct serve;
struct unused;

/*
 * Copies from `link`, a file of the host, what lies in the first `sectors` of the disk, to `to`,
 * which failures call `to_name`. Zeros that
 * it stores are kept where they hide something; where it has no parent they need no place. What
 * `unused` (or NULL) says nobody needs is left out. Shows progress as `what`.
 */
enum status layer_copy(struct chain_link *link, struct serve *to, uint64_t sectors,
                       const char *to_name, struct unused *unused, const char *what);

#endif
