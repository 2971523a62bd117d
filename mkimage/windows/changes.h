/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A list of changes to a registry hive. Knows neither of the two programs that read hives: their
 * headers have names in common. */
#ifndef MKIMAGE_WINDOWS_CHANGES_H
#define MKIMAGE_WINDOWS_CHANGES_H

#include <stdbool.h>
#include <stdint.h>

#define TUNING_MAX 64

enum tuning_kind {
    TUNING_NUMBER,   /* a DWORD */
    TUNING_NO_LIST,  /* an empty MULTI_SZ */
    TUNING_NO_VALUE, /* the value goes */
    TUNING_NO_KEY,   /* the key goes, with all below it */
};

struct tuning_change {
    enum tuning_kind kind;
    char key[200]; /* from the root on */
    const char *value;
    uint32_t number;
    bool had; /* a number is there now: */
    uint32_t was;
};

struct tuning {
    struct tuning_change change[TUNING_MAX];
    unsigned count;
};

#endif
