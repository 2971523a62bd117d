/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hive of the Windows on a volume, up to date, for reading: by path and name of a value. */
#ifndef MKIMAGE_WINDOWS_REGISTRY_H
#define MKIMAGE_WINDOWS_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/say.h"
#include "core/hive/hive.h"
#include "flash/target.h"

#define REGISTRY_FOLDER "\\Windows\\System32\\config\\"
#define REGISTRY_SYSTEM REGISTRY_FOLDER "SYSTEM"

/* A hive's bytes, with what its logs hold. */
struct registry_file {
    uint8_t *bytes; /* allocated */
    size_t size;
    bool was_dirty;    /* its file is not up to date */
    unsigned entries;  /* of its logs, that are in `bytes` and not in the file */
    const char *stale; /* why `bytes` are not up to date either; NULL: they are */
};

struct registry {
    struct hive hive;
    struct registry_file file;
    char set[32]; /* SYSTEM: "ControlSet001" */
};

/* Reads a hive's file of at most `limit` bytes. Says what is wrong; whether it is a hive at all is
 * for hive_open() to tell. */
enum status registry_read(struct registry_file *r, struct target *t, const char *name,
                          uint64_t limit);

/* Reads a hive, with what its logs hold. Says what is wrong. */
enum status registry_open(struct registry *r, struct target *t, const char *name);
void registry_close(struct registry *r);

/* Finds out which control set is the current one. */
enum status registry_find_set(struct registry *r, const char *name);

/* How many of its keys and values cannot be read. */
unsigned registry_damage(struct registry *r);

/* The key at a path from the root on. */
bool registry_key(struct registry *r, const char *path, struct hive_key *key);

/* A number or a text; false: there is none. */
bool registry_number(struct registry *r, const char *path, const char *value, uint32_t *number);
bool registry_text(struct registry *r, const char *path, const char *value, char *text,
                   size_t size);

/* A path below the current control set, in one of a few static buffers. */
const char *registry_path(const struct registry *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
