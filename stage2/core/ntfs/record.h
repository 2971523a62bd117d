/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MFT records in memory: update sequences restored, header and attributes checked. Knows nothing of
 * where records come from. A record that ntfs_record_check() let pass can be walked without fear.
 */
#ifndef CORE_NTFS_RECORD_H
#define CORE_NTFS_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include "core/base/errors.h"

struct ntfs_attr_header;

/*
 * Restores the words that the update sequence replaced in a block of `size` bytes (a multiple of
 * 512). `used_from` is the header's size: the array may not overlap it. ERR_CORRUPT, nothing
 * changed, where the array is misplaced or a word differs: the block was torn by a power cut.
 */
MUST_CHECK enum err ntfs_fixup(uint8_t *block, uint32_t size, uint32_t header_size, uint64_t number,
                               struct fail *f);

/* Fixes up and checks record `number` of `size` bytes: magic, sequence words, header, every
 * attribute's bounds. */
MUST_CHECK enum err ntfs_record_check(uint8_t *record, uint32_t size, uint64_t number,
                                      struct fail *f);

/* Which attribute: type and name always, `instance` and `lowest_vcn` as an attribute list says. */
struct ntfs_attr_key {
    uint32_t type;
    const uint8_t *name; /* UTF-16LE units, compared exactly */
    uint8_t name_length;
    bool from_list; /* else the two below are not looked at, and pieces past the first skipped */
    uint16_t instance;
    uint64_t lowest_vcn;
};

/* Finds an attribute in a record that was checked; NULL where it has none. */
const struct ntfs_attr_header *ntfs_record_find(const uint8_t *record,
                                                const struct ntfs_attr_key *key);

/* The name "$I30" as UTF-16LE units, for directories. */
extern const uint8_t ntfs_name_i30[8];

#endif
