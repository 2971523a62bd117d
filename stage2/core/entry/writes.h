/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a disk will be written: what its entry asks for, as far as volume and image allow it. */
#ifndef CORE_ENTRY_WRITES_H
#define CORE_ENTRY_WRITES_H

#include <stdint.h>
#include "core/base/errors.h"

struct chain;
struct config_entry;
struct map_writes;
struct ntfs;

/*
 * Decides for the chain whose leaf lies on `vol`. Where the disk cannot be written as the entry
 * says, it is write-protected, and a note says why; `entry->force` overrides what might be
 * harmless. `memory_bytes` is what the machine has: changes that are not kept take a quarter of it,
 * unless the entry says how much. Fails only where the disk cannot be read either.
 */
MUST_CHECK enum err writes_choose(struct map_writes *writes, const struct config_entry *entry,
                                  struct chain *chain, const struct ntfs *vol,
                                  uint64_t memory_bytes, struct notes *notes, struct fail *f);

#endif
