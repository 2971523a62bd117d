/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A registry hive's file ("regf"), little-endian throughout. The first 4096 bytes are the header;
 * behind it lie the bins, and in them the cells, which everything else is. A cell is told by its
 * offset from byte 4096 of the file, its number here: a multiple of 8. It starts with its size,
 * negative where it is in use, a multiple of 8 that counts the size's own 4 bytes; what the
 * structs below describe follows it. Bins only part the cells, which never cross their borders: a
 * reader needs nothing of them.
 */
#ifndef CORE_HIVE_FORMAT_H
#define CORE_HIVE_FORMAT_H

#include <stddef.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"

#define HIVE_HEADER_SIZE  4096u
#define HIVE_BIN_ALIGN    4096u
#define HIVE_CELL_ALIGN   8u
#define HIVE_CELL_HEADER  4u
#define HIVE_NO_CELL      0xffffffffu
#define HIVE_SUM_SIZE     508u   /* the header's bytes that its checksum covers */
#define HIVE_DATA_MAX     16344u /* longer data is in pieces, from version 1.4 on */
#define HIVE_DATA_PIECES  4u     /* the minor version of which that is true */
#define HIVE_DATA_IN_CELL 0x80000000u

struct hive_header {
    uint8_t magic[4]; /* 0x00: "regf" */
    le32 sequence[2]; /* 0x04: one before, one after a write; different: it was cut short, or what
                       * is new waits in the logs beside the file */
    le64 written;     /* 0x0c: FILETIME */
    le32 major;       /* 0x14: 1 */
    le32 minor;       /* 0x18: 3..6 */
    le32 type;        /* 0x1c: 0; 1 and 6 are logs */
    le32 format;      /* 0x20: 1 */
    le32 root;        /* 0x24: the root key's cell */
    le32 length;      /* 0x28: bytes of all bins */
    le32 clustering;  /* 0x2c */
    uint8_t name[64]; /* 0x30: end of the path it was made under, UTF-16 */
    uint8_t ids[0x90 - 0x70]; /* 0x70: of the transaction manager's files */
    le32 flags;               /* 0x90: 1: that one holds the hive */
    uint8_t unused[0x1fc - 0x94];
    le32 checksum; /* 0x1fc: XOR of the 127 dwords before it; 0 -> 1, ffffffff -> fffffffe */
};
static_assert(sizeof(struct hive_header) == 512);
static_assert(offsetof(struct hive_header, root) == 0x24);
static_assert(offsetof(struct hive_header, checksum) == HIVE_SUM_SIZE);

#define HIVE_KEY_NARROW 0x20u /* its name has one byte (Latin-1) a character */

struct hive_key_cell {
    uint8_t magic[2];    /* 0x00: "nk" */
    le16 flags;          /* 0x02 */
    le64 written;        /* 0x04: FILETIME */
    le32 access;         /* 0x0c */
    le32 parent;         /* 0x10 */
    le32 subkeys;        /* 0x14 */
    le32 volatile_keys;  /* 0x18: noise on disk */
    le32 list;           /* 0x1c: cell of the list of subkeys, or HIVE_NO_CELL */
    le32 volatile_list;  /* 0x20 */
    le32 values;         /* 0x24 */
    le32 value_list;     /* 0x28: cell with the values' cells, le32 each */
    le32 security;       /* 0x2c */
    le32 class;          /* 0x30 */
    le32 longest_subkey; /* 0x34: of the names and data below, bytes; names as UTF-16 */
    le32 longest_class;  /* 0x38 */
    le32 longest_name;   /* 0x3c: of values */
    le32 longest_data;   /* 0x40 */
    le32 work;           /* 0x44 */
    le16 name_size;      /* 0x48: bytes; the name follows */
    le16 class_size;     /* 0x4a */
};
static_assert(sizeof(struct hive_key_cell) == 76);
static_assert(offsetof(struct hive_key_cell, name_size) == 0x48);

/* "lf" and "lh": entries of 8 bytes, a cell and a hint of its name; "li": cells; "ri": cells of
 * further lists, which are of the other kinds. */
struct hive_list_cell {
    uint8_t magic[2]; /* 0x00 */
    le16 count;       /* 0x02: entries follow */
};
static_assert(sizeof(struct hive_list_cell) == 4);

/* An entry of "lf". */
struct hive_hinted_cell {
    le32 cell;
    uint8_t hint[4]; /* the name's first characters; zeros where they are no bytes */
};
static_assert(sizeof(struct hive_hinted_cell) == 8);

/* The header of a bin. */
struct hive_bin {
    uint8_t magic[4]; /* 0x00: "hbin" */
    le32 at;          /* 0x04: this bin's own offset, as cells are counted */
    le32 size;        /* 0x08: bytes, a multiple of 4096 */
    uint8_t unused[8];
    le64 written; /* 0x14: the first bin's: FILETIME */
    le32 spare;
};
static_assert(sizeof(struct hive_bin) == 32);

/* "sk": a security descriptor, in a ring of all that the hive has. */
struct hive_security_cell {
    uint8_t magic[2]; /* 0x00 */
    uint8_t unused[2];
    le32 next;       /* 0x04 */
    le32 previous;   /* 0x08 */
    le32 references; /* 0x0c: keys that refer to it */
    le32 size;       /* 0x10: of the descriptor, which follows */
};
static_assert(sizeof(struct hive_security_cell) == 20);

#define HIVE_VALUE_NARROW 1u

struct hive_value_cell {
    uint8_t magic[2]; /* 0x00: "vk" */
    le16 name_size;   /* 0x02: bytes; 0: the key's unnamed value */
    le32 size;        /* 0x04: of the data; HIVE_DATA_IN_CELL: it lies in the next field */
    le32 data;        /* 0x08: cell of the data, or at most 4 bytes of it */
    le32 type;        /* 0x0c: enum hive_type */
    le16 flags;       /* 0x10 */
    le16 spare;       /* 0x12; the name follows */
};
static_assert(sizeof(struct hive_value_cell) == 20);

#endif
