/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The entries of Windows' own menu, \Boot\BCD, that start a Windows out of a virtual disk: listed
 * behind our own, and found on the volume that they mean. Nothing of the store stands in the way of
 * another entry: what cannot be read there is left out.
 */
#ifndef CORE_ENTRY_WINDOWS_H
#define CORE_ENTRY_WINDOWS_H

#include <stdbool.h>
#include "core/base/errors.h"
#include "core/entry/config.h"

struct arena;
struct bcd_entry;
struct bcd_level;
struct notes;
struct ntfs;
struct volumes;

#define WINDOWS_STORE_PATH "\\Boot\\BCD"

/* Adds the entries of the volume's store. Takes its default where the config has neither sections
 * nor a default, its timeout where the config has none. Where \bootmgr lies beside it, it is what
 * starts them. Where there is a store that cannot be read, config->windows_fault says why. */
void windows_list(struct config *config, struct ntfs *vol, struct arena *a);

/* What a boot store calls the partition that the volume is: by its disk's MBR, by its GPT, or both;
 * `mbr` and `gpt` say which. */
void windows_place(const struct ntfs *vol, struct bcd_level *place);

/* An entry of the store as one of the menu, its strings in `a`; false: no memory for it, or its
 * path is none. */
bool windows_entry(struct config_entry *to, const struct bcd_entry *from, struct arena *a);

/* Is the volume the partition of a disk that the store's device means by MBR or GPT? */
bool windows_is_partition(const struct ntfs *vol, const struct bcd_level *where);

/* Which of the machine's volumes holds the image of an entry from the store (entry->where): the one
 * that is meant; where that is not there, the first one with such a file, said in `notes`. Looks at
 * other drives only if it must. ERR_NOT_FOUND. */
MUST_CHECK enum err windows_volume(struct volumes *v, const struct config_entry *entry,
                                   unsigned *volume, struct notes *notes, struct fail *f);

#endif
