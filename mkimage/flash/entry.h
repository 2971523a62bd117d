/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An entry of the boot menu, opened as the machine opens it. */
#ifndef MKIMAGE_FLASH_ENTRY_H
#define MKIMAGE_FLASH_ENTRY_H

#include <stdbool.h>
#include "cli/options.h"
#include "cli/say.h"
#include "core/entry/config.h"
#include "core/entry/open.h"
#include "flash/target.h"

struct entry {
    struct config config;
    bool from_file; /* \vhdboot.cfg, not the images in the root folder */
    const struct config_entry *chosen;
    struct boot_disk disk;
};

/* Which entry has this name (letter case aside), or is the default one where name is NULL. */
bool entry_find(const struct config *config, const char *name, unsigned *index);

/* Reads the config and finds the entry. */
enum err entry_choose(struct entry *e, struct target *t, const char *name, struct fail *f);

/* Opens TARGET, finds the entry and compiles its map. */
enum status entry_open(struct entry *e, struct target *t, const struct options *options);

/* What its config says of writes: "persistent", "discard", "none". */
const char *entry_write_name(const struct config_entry *entry);

/* The mode of that name; false where there is none. */
bool entry_write_mode(const char *name, enum write_mode *mode);

/* Does what its guest writes end up in the image? */
bool entry_keeps_writes(const struct config_entry *entry);

/* Calls `tell` for every line of the volume's config that is not understood. */
MUST_CHECK enum err entry_complaints(struct target *t, config_tell *tell, void *ctx,
                                     struct fail *f);

/* Warns where the machine would refuse the entry's disk because there is no system on it yet. */
void entry_warn_of_no_system(const struct config_entry *entry, const struct boot_disk *disk,
                             struct target *t);

/* The same, where it is known already. */
void entry_warn_no_system(const char *vhd, const char *sentence);

#endif
