/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes over the changes of `write = discard`, and the contents of `ram = yes`, from the memory
 * where the loader and its handler keep them: the block map is walked and changed as the handler
 * does (resident/cells.c, grow.c), which nobody calls any more. So what a boot program wrote before
 * is there, and nothing has to be copied.
 *
 * Trusts the map no further than its own checks go: nothing outside the hidden memory is touched.
 */
#ifndef MKIMAGE_GUEST_HIDDEN_H
#define MKIMAGE_GUEST_HIDDEN_H

#include "core/entry/boottable.h"
#include "serve/above.h"

/* Maps the memory, in this process and those that it forks. NULL with the reason in `f`. */
struct above *hidden_open(const struct boottable *table, const char *memory, struct fail *f);

#endif
