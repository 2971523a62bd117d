/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens a file by its number, and its attributes by type and name. */
#include "core/ntfs/inode.h"
#include "core/base/arena.h"
#include "core/base/endian.h"
#include "core/ntfs/attr.h"
#include "core/ntfs/format.h"
#include "core/ntfs/list.h"
#include "core/ntfs/mft.h"
#include "core/ntfs/ntfs.h"
#include "core/ntfs/record.h"

enum err ntfs_inode_open(struct ntfs *vol, uint64_t reference, struct ntfs_inode *inode,
                         struct fail *f)
{
    *inode = (struct ntfs_inode){.number = NTFS_REF_NUMBER(reference)};
    inode->record = arena_alloc(vol->arena, vol->record_size);
    if (!inode->record)
        return fail(f, ERR_MEMORY, "no memory for an MFT record of %u bytes", vol->record_size);

    enum err err = ntfs_mft_read(vol, inode->number, inode->record, f);
    if (!err)
        err = ntfs_mft_match(inode->record, reference, f);
    if (err)
        return err;
    const struct ntfs_record_header *head = (const struct ntfs_record_header *)inode->record;
    if (le64_get(head->base))
        return fail(f, ERR_CORRUPT, "MFT record %u is a piece of another file", inode->number);

    inode->sequence = le16_get(head->sequence);
    inode->directory = le16_get(head->flags) & NTFS_RECORD_DIRECTORY;
    return ntfs_list_load(vol, inode, f);
}

/* The record that a list entry names: the base record, or an extension that names this file as
 * its base. */
static enum err list_record(struct ntfs *vol, const struct ntfs_inode *inode,
                            const struct ntfs_list_entry *entry, const uint8_t **record,
                            struct fail *f)
{
    uint64_t reference = le64_get(entry->reference);
    if (NTFS_REF_NUMBER(reference) != inode->number)
        return ntfs_mft_extension(vol, reference, inode->number, inode->sequence, record, f);

    uint16_t sequence = NTFS_REF_SEQUENCE(reference);
    if (sequence && sequence != inode->sequence)
        return fail(f, ERR_CORRUPT, "the attribute list of MFT record %u is an old one",
                    inode->number);
    *record = inode->record;
    return ERR_OK;
}

static enum err open_through_list(struct ntfs *vol, const struct ntfs_inode *inode,
                                  struct ntfs_attr_key *key, struct ntfs_attr *attr, struct fail *f)
{
    struct ntfs_list_walk walk = {.list = inode->list, .size = inode->list_size};
    for (;;) { /* ends with the list */
        bool found;
        enum err err = ntfs_list_next(&walk, key, &found, f);
        if (err || !found)
            return err;
        if (!attr->present && key->lowest_vcn)
            return fail(f, ERR_CORRUPT, "the attribute list of MFT record %u misses a first piece",
                        inode->number);

        const uint8_t *record;
        err = list_record(vol, inode, walk.entry, &record, f);
        if (err)
            return err;
        const struct ntfs_attr_header *head = ntfs_record_find(record, key);
        if (!head)
            return fail(f, ERR_CORRUPT,
                        "the attribute list of MFT record %u names an attribute that is not there",
                        inode->number);
        err = ntfs_attr_add_piece(vol, attr, head, f);
        if (err)
            return err;
    }
}

enum err ntfs_attr_open(struct ntfs *vol, const struct ntfs_inode *inode, uint32_t type,
                        const uint8_t *name, uint8_t name_length, struct ntfs_attr *attr,
                        struct fail *f)
{
    *attr = (struct ntfs_attr){0};
    struct ntfs_attr_key key = {.type = type, .name = name, .name_length = name_length};
    enum err err = ERR_OK;
    if (inode->list) {
        err = open_through_list(vol, inode, &key, attr, f);
    } else {
        const struct ntfs_attr_header *head = ntfs_record_find(inode->record, &key);
        if (head)
            err = ntfs_attr_add_piece(vol, attr, head, f);
    }
    if (err || !attr->present)
        return err;
    return ntfs_attr_check_whole(vol, attr, f);
}
