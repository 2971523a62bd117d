/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FILE or TARGET:/path, as the verbs take an image: the one place that decides which of the two an
 * argument means.
 */
#ifndef MKIMAGE_FLASH_SOURCE_H
#define MKIMAGE_FLASH_SOURCE_H

#include <stdbool.h>
#include "cli/say.h"
#include "core/base/arena.h"
#include "core/base/blk.h"
#include "core/chain/chain.h"
#include "flash/target.h"
#include "host/files.h"

/*
 * Splits TARGET:/path. False where `argument` is not of that form. A TARGET that exists wins where
 * the name of a host file holds a colon itself. `target` is allocated, `path` points into the
 * argument.
 */
bool source_split(const char *argument, char **target, const char **path);

/* The same where a FILE may be meant: one that has this very name comes first, whatever colons are
 * in it. */
bool source_on_target(const char *argument, char **target, const char **path);

/* An image with its parents, in the world that the argument names. */
struct source {
    bool on_volume;
    const char *name; /* the argument */
    char *target_name;
    char *path; /* of the leaf, in its own world */
    struct target target;
    struct hostfiles host;
    struct arena arena;
    struct chain chain;
};

/* Where else to look than the argument says. */
struct source_disks {
    unsigned partition;       /* of TARGET; 0 picks one */
    const char *const *drive; /* further disks of the machine, as target_further takes them */
    unsigned drives;
};

/* Opens the image and its parents: those of TARGET:/path by the places that TARGET's menu names for
 * it, too. The source stays where it is until source_close. */
enum status source_open(struct source *s, const char *argument, const struct source_disks *disks);
void source_close(struct source *s);

/* The name of link `index`: the whole one where struct file has only a part of it. */
const char *source_link_name(const struct source *s, unsigned index);

/* The drives of a map of the chain. */
void source_drives(struct source *s, struct blk *drive[MAP_DRIVES_MAX]);

#endif
