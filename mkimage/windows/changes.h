/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A list of changes to a registry hive. Knows neither of the two programs that read hives: their
 * headers have names in common. */
#ifndef MKIMAGE_WINDOWS_CHANGES_H
#define MKIMAGE_WINDOWS_CHANGES_H

#include <stdbool.h>
#include <stdint.h>

#define TUNING_MAX 256 /* a stick that went from machine to machine has many keys for them */

enum tuning_kind {
    TUNING_NUMBER,   /* a DWORD */
    TUNING_NO_LIST,  /* an empty MULTI_SZ */
    TUNING_NO_VALUE, /* the value goes */
    TUNING_NO_KEY,   /* the key goes, with all below it */
    TUNING_DATA,     /* a value of any type */
};

struct tuning_change {
    enum tuning_kind kind;
    char key[200]; /* from the root on */
    char value[64];
    uint32_t number;
    bool had; /* a number is there now: */
    uint32_t was;
    uint32_t type, size; /* DATA: in the registry's numbers; the bytes are somebody else's */
    const uint8_t *data;
};

struct tuning {
    struct tuning_change change[TUNING_MAX];
    unsigned count;
};

#endif
