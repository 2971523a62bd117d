/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens a file's base record and its attribute list. */
#include "core/base/arena.h"
#include "core/base/mem.h"
#include "core/ntfs/attr.h"
#include "core/ntfs/mft.h"
#include "core/ntfs/record.h"
#include "core/ntfs/sectors.h"

enum err ntfs_list_load(struct ntfs *vol, struct ntfs_inode *inode, struct fail *f)
{
    struct ntfs_attr_key key = {.type = NTFS_ATTR_LIST};
    const struct ntfs_attr_header *head = ntfs_record_find(inode->record, &key);
    if (!head)
        return ERR_OK;

    struct ntfs_attr list = {0};
    enum err err = ntfs_attr_add_piece(vol, &list, head, f);
    if (!err)
        err = ntfs_attr_check_whole(vol, &list, f);
    if (err)
        return err;
    if (list.size > NTFS_LIST_MAX ||
        list.flags & (NTFS_FLAG_COMPRESSION_MASK | NTFS_FLAG_ENCRYPTED))
        return fail(f, ERR_CORRUPT, "the attribute list of MFT record %u is not a valid one",
                    inode->number);

    uint8_t *bytes = arena_alloc(vol->arena, list.size);
    if (!bytes)
        return fail(f, ERR_MEMORY, "no memory for an attribute list of %u bytes", list.size);
    err = ntfs_attr_read(vol, &list, 0, bytes, (uint32_t)list.size, f);
    inode->list = bytes;
    inode->list_size = (uint32_t)list.size;
    return err;
}

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
