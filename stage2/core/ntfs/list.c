/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walks an attribute list entry by entry. */
#include "core/ntfs/list.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/mem.h"
#include "core/ntfs/format.h"
#include "core/ntfs/record.h"

static bool entry_ok(const struct ntfs_list_entry *entry, uint32_t left)
{
    uint32_t length = le16_get(entry->length);
    return length >= sizeof *entry && !(length & 7) && length <= left &&
           (!entry->name_length || (entry->name_offset >= sizeof *entry &&
                                    range_ok(entry->name_offset, 2u * entry->name_length, length)));
}

enum err ntfs_list_next(struct ntfs_list_walk *walk, struct ntfs_attr_key *key, bool *found,
                        struct fail *f)
{
    *found = false;
    struct view list = {walk->list, walk->size};
    while (walk->pos < walk->size) { /* ends: pos grows by at least 32 */
        const struct ntfs_list_entry *entry = view_at(list, walk->pos, sizeof *entry);
        if (!entry || !entry_ok(entry, walk->size - walk->pos))
            return fail(f, ERR_CORRUPT, "an attribute list has a malformed entry at byte %u",
                        walk->pos);
        walk->pos += le16_get(entry->length);

        if (le32_get(entry->type) != key->type || entry->name_length != key->name_length)
            continue;
        if (key->name_length &&
            memcmp((const uint8_t *)entry + entry->name_offset, key->name, 2u * key->name_length))
            continue;
        walk->entry = entry;
        key->from_list = true;
        key->instance = le16_get(entry->instance);
        key->lowest_vcn = le64_get(entry->lowest_vcn);
        *found = true;
        return ERR_OK;
    }
    return ERR_OK;
}
