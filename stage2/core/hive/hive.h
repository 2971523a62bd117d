/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads a registry hive that lies in memory: Windows' SYSTEM and SOFTWARE, a boot store. Promises:
 * copies nothing and takes no memory, every pointer that it gives lies inside the bytes it was
 * given, and it ends on any bytes: cells that lead back to themselves use up `steps_left`.
 *
 * Names that are searched for are ASCII; letter case does not matter. Keys and values are found by
 * name, or one by one by their index: a bad one fails alone, the next can be asked for all the
 * same.
 */
#ifndef CORE_HIVE_HIVE_H
#define CORE_HIVE_HIVE_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/bounds.h"
#include "core/base/errors.h"

struct arena;
struct file;
struct text;

/* Cells that may be looked at: enough to walk the largest hives several times. Who expects less
 * sets hive.steps_left after opening. */
#define HIVE_STEPS ((uint32_t)1 << 27)

enum hive_type {
    HIVE_NONE,
    HIVE_SZ,
    HIVE_EXPAND_SZ,
    HIVE_BINARY,
    HIVE_DWORD,
    HIVE_DWORD_BIG_ENDIAN,
    HIVE_LINK,
    HIVE_MULTI_SZ,
    HIVE_QWORD = 11,
};

struct hive {
    struct view bytes; /* the whole file */
    struct view cells; /* the bins: what header and file both have of them */
    uint32_t root;     /* the root key's cell */
    unsigned minor;    /* of version 1: 3..6 */
    uint32_t sequence[2];
    bool dirty; /* the sequence numbers differ: what was written last is not, or not all, in
                 * here, but in the logs beside the file */
    const char *refused; /* what Windows' boot manager would refuse it for; NULL: nothing */
    uint32_t steps_left;
};

/* A name as it lies in the hive. */
struct hive_name {
    const uint8_t *data;
    uint32_t count; /* characters (UTF-16 units) */
    bool narrow;    /* one byte each, Latin-1; else UTF-16 */
};

struct hive_key {
    uint32_t cell;
    struct hive_name name;
    uint64_t written;                 /* FILETIME */
    uint32_t subkeys, values;         /* as many as its lists have, whatever its own figures say */
    uint32_t subkey_list, value_list; /* cells; where there are none of either, not to be used */
};

struct hive_value {
    struct hive_name name; /* count 0: the key's unnamed value */
    uint32_t type;         /* enum hive_type, or any number */
    uint32_t size;         /* of the data, as the hive says */
    struct view data;      /* inside hive.bytes */
    bool in_pieces;        /* longer than 16344 bytes and not in one piece: `data` is empty */
};

/* Opens the hive in `bytes`, which stay in use. ERR_UNSUPPORTED: not a hive (a log, a version that
 * nobody knows); ERR_HIVE: its header contradicts itself, or its root key is damaged. A wrong
 * checksum and other oddities are no failure: `refused` tells. */
MUST_CHECK enum err hive_open(struct hive *h, struct view bytes, struct fail *f);

/* Reads all of `file`, which has at most `limit` bytes, into memory from `a` and opens that; of a
 * file that is longer than its hive only the hive. Failures name the file. */
MUST_CHECK enum err hive_load(struct hive *h, struct file *file, uint32_t limit, struct arena *a,
                              struct fail *f);

/* The root key, whose name is of no use. */
MUST_CHECK enum err hive_root(struct hive *h, struct hive_key *root, struct fail *f);

/* Subkey `index`, < parent->subkeys. */
MUST_CHECK enum err hive_subkey(struct hive *h, const struct hive_key *parent, uint32_t index,
                                struct hive_key *key, struct fail *f);

/* The key at `path` below `from`, names parted by \, "" is `from` itself. ERR_NOT_FOUND: there is
 * none. `key` may be `from`. */
MUST_CHECK enum err hive_find(struct hive *h, const struct hive_key *from, const char *path,
                              struct hive_key *key, struct fail *f);

/* Value `index`, < key->values. */
MUST_CHECK enum err hive_value(struct hive *h, const struct hive_key *key, uint32_t index,
                               struct hive_value *value, struct fail *f);

/* The value of that name; "": the unnamed one. ERR_NOT_FOUND: there is none. */
MUST_CHECK enum err hive_value_find(struct hive *h, const struct hive_key *key, const char *name,
                                    struct hive_value *value, struct fail *f);

bool hive_name_is(struct hive_name name, const char *ascii);
bool hive_name_matches(struct hive_name name, const char *ascii, uint32_t length); /* of them all */
void hive_name_text(struct text *t, struct hive_name name);                        /* as UTF-8 */

/* Where in the file the value's data lies. */
uint32_t hive_data_offset(const struct hive *h, const struct hive_value *value);

/* The number in a DWORD or QWORD, or in 1 to 8 bytes of BINARY; false: it is none. */
bool hive_number(const struct hive_value *value, uint64_t *number);

/* A string of UTF-16 units, up to its NUL or the end; odd last bytes do not count. */
struct hive_string {
    const uint8_t *units;
    uint32_t count;
};

/* The string in an SZ, EXPAND_SZ or LINK, or the first one of a MULTI_SZ; false: it is none. */
bool hive_string(const struct hive_value *value, struct hive_string *string);

/* The next string of a MULTI_SZ: starts with *at = 0; false: there are no more. */
bool hive_strings(const struct hive_value *value, uint32_t *at, struct hive_string *string);

bool hive_string_is(struct hive_string string, const char *ascii);

#endif
