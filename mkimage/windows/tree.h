/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small registry hive in memory, as keys and values that can be changed, and the way from a file
 * to it and back. For boot stores: a new file is made of the whole tree, in one pass.
 *
 * Memory comes from one arena, and nothing of it is given back before the arena is. A function that
 * gives NULL or false has run out of memory.
 */
#ifndef MKIMAGE_WINDOWS_TREE_H
#define MKIMAGE_WINDOWS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/say.h"
#include "core/base/arena.h"
#include "core/hive/hive.h"

#define TREE_CHILDREN_MAX 500u /* of one key: one list of the oldest kind holds them */
#define TREE_DATA_MAX     16344u
#define TREE_DEPTH_MAX    16u
#define TREE_KEYS_MAX     8192u

struct tree_name {
    const uint8_t *data;
    uint16_t count; /* characters */
    bool narrow;    /* a byte each (Latin-1), else UTF-16 */
};

struct tree_value {
    struct tree_value *next;
    struct tree_name name;
    uint32_t type, size;
    const uint8_t *data;
};

struct tree_key {
    struct tree_key *next, *children; /* children in no order */
    struct tree_value *values;
    struct tree_name name;
    uint64_t written; /* FILETIME */
};

struct tree {
    struct arena *arena;
    struct tree_key *root;
    const uint8_t *security; /* the descriptor of all keys; NULL: administrators and the system */
    uint32_t security_size;
    uint64_t now;      /* FILETIME of what is new */
    uint32_t sequence; /* the file's number: one more than that of the hive it came from */
};

/* An empty one with a root key of that name. */
bool tree_new(struct tree *t, struct arena *arena, const char *root);

/* All of a hive. The bytes that it was opened on stay in use. */
MUST_CHECK enum err tree_load(struct tree *t, struct hive *h, struct arena *arena, struct fail *f);

/* The key's child of that name, letter case aside; NULL: there is none. */
struct tree_key *tree_find(const struct tree_key *key, const char *name);

/* The same, made where it is missing. */
struct tree_key *tree_make(struct tree *t, struct tree_key *key, const char *name);

const struct tree_value *tree_value(const struct tree_key *key, const char *name);

/* Gives the key a value, in place of what it has of that name. The data are copied. */
bool tree_set(struct tree *t, struct tree_key *key, const char *name, uint32_t type,
              const void *data, size_t size);

/* The name as UTF-8 in `text`, cut where it is too long. */
void tree_name_text(const struct tree_name *name, char *text, size_t size);

/* The tree as the bytes of a hive file, version 1.3, allocated; `name` is what its header says it
 * is called. */
enum status tree_write(const struct tree *t, const char *name, uint8_t **bytes, size_t *size);

#endif
