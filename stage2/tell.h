/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stage2 says on the console on the way to a guest: failures, warnings, the disk. */
#ifndef STAGE2_TELL_H
#define STAGE2_TELL_H

#include <stdbool.h>
#include <stdint.h>

struct boot_disk;
struct chain;
struct config;
struct fail;
struct map;
struct notes;
struct text;

/* The failure, and what the user can do about it. */
void tell_error(const struct fail *f);

/* Warnings: of an image, and of the config's lines. */
void tell_notes(const struct notes *notes);
void tell_complaints(const struct config *config, bool serial_missing);

/* Has anything been warned of since this was asked last? */
bool tell_warned(void);

/* The image and its parents, a line each. */
void tell_chain(const struct chain *chain);

/* How far the disk can grow: as a line, and for one of the menu's. */
void tell_growth(const struct boot_disk *disk);

/* That the handler takes more memory, by `look_bytes`, or may: `before` says so. Nothing where it
 * does not. */
void tell_slots(const struct map *map, uint32_t look_bytes, const char *before);
void tell_room(struct text *t, const struct map *map);

#endif
