/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's drives with their volumes: the one that vhdboot was started from, and, once a path
 * names another volume, all others. */
#ifndef STAGE2_DRIVES_H
#define STAGE2_DRIVES_H

#include <stdint.h>
#include "core/base/errors.h"

struct stage2;

/* Mounts the volume that starts at `volume_lba` of the BIOS's drive `number`: what vhdboot was
 * started from. */
MUST_CHECK enum err drives_open(struct stage2 *s, uint8_t number, uint64_t volume_lba,
                                struct fail *f);

/* An image is going to be opened: no volume is known yet but that one. */
void drives_begin(struct stage2 *s, const char *image);

#endif
