/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A clone beside its master: what on the volume names the master by its serial number, its label or
 * its disk signature would lead to the master's images, where both are plugged in. In the clone it
 * names the clone. What names another volume stays as it is.
 */
#ifndef MKIMAGE_FLASH_CLONE_NAMES_H
#define MKIMAGE_FLASH_CLONE_NAMES_H

#include "cli/say.h"
#include "flash/origin.h"
#include "flash/plan.h"

/* Reads \vhdboot.cfg, `plan->config` becomes its text, in which paths that begin with the master's
 * serial number, or with a label that the clone will not have, are paths of the own volume. What
 * the loader makes of the master's is `config`. */
enum status clone_names_config(struct flash_plan *plan, struct origin *origin,
                               struct config *config);

/* Reads \Boot\BCD, where that is among the planned files, and finds what names the volume. */
enum status clone_names_store(struct flash_plan *plan, struct origin *origin);

/* Lets it name the partition at `start` (bytes) of the disk with this signature. */
void clone_names_set(struct flash_plan *plan, uint32_t disk_signature, uint64_t start);

#endif
