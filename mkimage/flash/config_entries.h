/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries put into the text of \vhdboot.cfg and taken out of it. Promises, as config_text.h: every
 * other byte stays, comments too, and the loader reads from the new text what was meant.
 */
#ifndef MKIMAGE_FLASH_CONFIG_ENTRIES_H
#define MKIMAGE_FLASH_CONFIG_ENTRIES_H

#include <stdbool.h>
#include "cli/say.h"
#include "core/base/arena.h"
#include "core/entry/config.h"
#include "flash/config_text.h"

/* Appends an entry that starts an image or a loader's file. What `entry` points to stays the
 * caller's; only name, title, vhd, start.path and write are looked at. The text is complete. */
enum status config_entries_add(struct config_text *m, const struct config_entry *entry,
                               struct arena *a);

/* A name for an entry, made of the image's file name, that no entry has: allocated, or NULL where
 * memory is out. */
char *config_entries_name(const struct config_text *m, const char *path);

/* Takes entry `index` out: its section's lines but those of comments, and a `default` that names
 * it. The text is complete. */
enum status config_entries_remove(struct config_text *m, unsigned index, struct arena *a);

#endif
