/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the volume compares names: every UTF-16 unit made upper case by its $UpCase table, then,
 * where that leaves two names equal, by the units themselves. Only those parts of the table are
 * read that a comparison asks for; a loader that meets ASCII names only reads none but the first.
 */
#ifndef CORE_NTFS_UPCASE_H
#define CORE_NTFS_UPCASE_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/bounds.h"
#include "core/base/errors.h"
#include "core/ntfs/attr.h"

struct ntfs;

#define NTFS_UPCASE_PAGES 16

struct ntfs_upcase {
    struct ntfs_attr table; /* not present: only ASCII letters have a case */
    bool plain_ascii;       /* the table changes a..z and no other ASCII: no need to look */
    unsigned next;          /* the slot to replace next */
    uint16_t number[NTFS_UPCASE_PAGES]; /* page (256 units) in each slot, plus 1; 0: empty */
    uint8_t page[NTFS_UPCASE_PAGES][SECTOR_SIZE];
};

/* Finds the volume's table. A table that cannot be used is a note. */
void ntfs_upcase_open(struct ntfs *vol);

/* A name as units, as it lies on disk. */
struct ntfs_name {
    const uint8_t *units;
    uint8_t length;
};

/* *order < 0, 0 or > 0: a before, like or behind b, both in upper case. */
MUST_CHECK enum err ntfs_name_compare_caseless(struct ntfs *vol, struct ntfs_name a,
                                               struct ntfs_name b, int *order, struct fail *f);

/* The same, then by unit: the order of a directory's index. */
MUST_CHECK enum err ntfs_name_compare(struct ntfs *vol, struct ntfs_name a, struct ntfs_name b,
                                      int *order, struct fail *f);

bool ntfs_name_same(struct ntfs_name a, struct ntfs_name b);

#endif
