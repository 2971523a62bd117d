/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starts what is no virtual disk of ours: a loader's file, a boot record, the next device. Nothing
 * of vhdboot stays in memory, and INT 13h is the BIOS's own; but for Windows' boot manager and an
 * image that it is to start, which a handler over the drive shows it. */
#ifndef STAGE2_CHAINLOAD_H
#define STAGE2_CHAINLOAD_H

#include "core/base/errors.h"
#include "core/entry/config.h"

struct stage2;

/* Starts what the entry's `boot =` names. Returns only with a failure. */
MUST_CHECK enum err chainload_start(const struct config_entry *entry, struct stage2 *from,
                                    struct fail *f);

/* Starts the entry's image by Windows' boot manager. Returns only with a failure. */
MUST_CHECK enum err chainload_native(const struct config_entry *entry, struct stage2 *from,
                                     struct fail *f);

/* What the BIOS would start, were our drive not there. */
void chainload_next(void) __attribute__((noreturn));

#endif
