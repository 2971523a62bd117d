/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads records, the first four from $MFTMirr where they are torn. $MFT tells itself where it lies,
 * so its first piece must lead to the others.
 */
#include "core/ntfs/mft.h"
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/ntfs/format.h"
#include "core/ntfs/list.h"
#include "core/ntfs/ntfs.h"
#include "core/ntfs/record.h"
#include "core/ntfs/sectors.h"

/* Reads record `number` (< 4) from the copy in $MFTMirr, or from $MFT's start for record 0. */
static enum err read_at_lcn(struct ntfs *vol, uint64_t lcn, uint64_t number, uint8_t *buf,
                            struct fail *f)
{
    if (lcn >= vol->clusters)
        return fail(f, ERR_CORRUPT, "the boot record puts $MFT at cluster %u, beyond the volume",
                    lcn);
    uint32_t sectors = vol->record_size >> SECTOR_SHIFT;
    uint64_t lba = (lcn << vol->cluster_shift) + number * sectors;
    enum err err = ntfs_sectors_read(vol, lba, sectors, buf, f);
    return err ? err : ntfs_record_check(buf, vol->record_size, number, f);
}

/* After `f` said why record `number` cannot be used: the mirror's copy, if that is better. */
static enum err read_mirror(struct ntfs *vol, uint64_t number, uint8_t *buf, struct fail *f)
{
    struct fail mirror;
    if (number >= NTFS_MIRRORED || f->err == ERR_LIMIT ||
        read_at_lcn(vol, vol->mft->mirror_lcn, number, buf, &mirror))
        return f->err;
    notes_add(&vol->notes, "MFT record %u is damaged: its copy in $MFTMirr was used", number);
    return ERR_OK;
}

enum err ntfs_mft_read(struct ntfs *vol, uint64_t number, uint8_t *buf, struct fail *f)
{
    struct ntfs_mft *mft = vol->mft;
    uint64_t off = number << mft->record_shift;
    if (!range_ok(off, vol->record_size, mft->data.size))
        return fail(f, ERR_CORRUPT, "MFT record %u is beyond the end of $MFT", number);

    /* While $MFT's pieces are being found, only those that are known can be read. */
    uint64_t known = mft->data.runs.clusters << ntfs_cluster_bytes_shift(vol);
    if (!mft->ready && !range_ok(off, vol->record_size, known))
        return fail(f, ERR_CORRUPT, "$MFT needs its record %u before it can be found", number);

    enum err err = ntfs_attr_read(vol, &mft->data, off, buf, vol->record_size, f);
    if (!err)
        err = ntfs_record_check(buf, vol->record_size, number, f);
    return err ? read_mirror(vol, number, buf, f) : ERR_OK;
}

enum err ntfs_mft_match(const uint8_t *buf, uint64_t reference, struct fail *f)
{
    const struct ntfs_record_header *head = (const struct ntfs_record_header *)buf;
    uint16_t sequence = NTFS_REF_SEQUENCE(reference);
    if (!(le16_get(head->flags) & NTFS_RECORD_IN_USE))
        return fail(f, ERR_CORRUPT, "MFT record %u is not in use", NTFS_REF_NUMBER(reference));
    if (sequence && sequence != le16_get(head->sequence))
        return fail(f, ERR_CORRUPT, "MFT record %u was reused: its sequence number differs",
                    NTFS_REF_NUMBER(reference));
    return ERR_OK;
}

enum err ntfs_mft_extension(struct ntfs *vol, uint64_t reference, uint64_t base,
                            uint16_t base_sequence, const uint8_t **record, struct fail *f)
{
    struct ntfs_mft *mft = vol->mft;
    uint64_t number = NTFS_REF_NUMBER(reference);
    if (mft->extension_number != number) {
        mft->extension_number = UINT64_MAX;
        enum err err = ntfs_mft_read(vol, number, mft->extension, f);
        if (err)
            return err;
        mft->extension_number = number;
    }
    enum err err = ntfs_mft_match(mft->extension, reference, f);
    if (err)
        return err;

    const struct ntfs_record_header *head = (const struct ntfs_record_header *)mft->extension;
    uint64_t named = le64_get(head->base);
    uint16_t sequence = NTFS_REF_SEQUENCE(named);
    if (!named || NTFS_REF_NUMBER(named) != base || (sequence && sequence != base_sequence))
        return fail(f, ERR_CORRUPT, "MFT record %u is no extension of the file that names it",
                    number);
    *record = mft->extension;
    return ERR_OK;
}

/* Adds the pieces of $MFT that its attribute list names. Each must lie where the pieces before it
 * reach. */
static enum err add_listed_pieces(struct ntfs *vol, const struct ntfs_inode *inode, struct fail *f)
{
    struct ntfs_attr_key key = {.type = NTFS_ATTR_DATA};
    struct ntfs_list_walk walk = {.list = inode->list, .size = inode->list_size};
    for (;;) { /* ends with the list */
        bool found;
        enum err err = ntfs_list_next(&walk, &key, &found, f);
        if (err || !found)
            return err;
        if (!key.lowest_vcn)
            continue; /* in the base record, and known */

        const uint8_t *record;
        err = ntfs_mft_extension(vol, le64_get(walk.entry->reference), inode->number,
                                 inode->sequence, &record, f);
        if (err)
            return err;
        const struct ntfs_attr_header *head = ntfs_record_find(record, &key);
        if (!head)
            return fail(f, ERR_CORRUPT, "the piece of $MFT at VCN %u is not in its record",
                        key.lowest_vcn);
        err = ntfs_attr_add_piece(vol, &vol->mft->data, head, f);
        if (err)
            return err;
    }
}

/* The first piece, from the base record, so that further records can be read. */
static enum err first_piece(struct ntfs *vol, const uint8_t *record, struct fail *f)
{
    struct ntfs_attr *data = &vol->mft->data;
    struct ntfs_attr_key key = {.type = NTFS_ATTR_DATA};
    const struct ntfs_attr_header *head = ntfs_record_find(record, &key);
    if (!head || !head->nonresident)
        return fail(f, ERR_CORRUPT, "$MFT's own record does not say where $MFT lies", 0);
    enum err err = ntfs_attr_add_piece(vol, data, head, f);
    if (err)
        return err;
    if (data->flags & (NTFS_FLAG_COMPRESSION_MASK | NTFS_FLAG_ENCRYPTED))
        return fail(f, ERR_CORRUPT, "$MFT is compressed or encrypted: its flags are %x",
                    data->flags);
    return ERR_OK;
}

/* $MFT's runs grow at the arena's top while records and lists are read, so these come first, into
 * memory that is released afterwards. */
static enum err find_pieces(struct ntfs *vol, struct ntfs_inode *inode, struct fail *f)
{
    struct ntfs_mft *mft = vol->mft;
    struct arena *a = vol->arena;
    size_t mark = arena_mark(a);
    enum err err = ntfs_list_load(vol, inode, f);
    if (!err)
        err = first_piece(vol, inode->record, f);
    if (!err && inode->list)
        err = add_listed_pieces(vol, inode, f);
    if (!err)
        err = ntfs_attr_check_whole(vol, &mft->data, f);
    if (!err)
        ntfs_attr_keep(vol, &mft->data, mark);
    return err;
}

enum err ntfs_mft_open(struct ntfs *vol, struct fail *f)
{
    struct ntfs_mft *mft = vol->mft;
    mft->extension_number = UINT64_MAX;
    mft->extension = arena_alloc(vol->arena, vol->record_size);
    struct ntfs_inode inode = {.number = NTFS_MFT};
    inode.record = arena_alloc(vol->arena, vol->record_size);
    if (!mft->extension || !inode.record)
        return fail(f, ERR_MEMORY, "no memory for an MFT record of %u bytes", vol->record_size);

    enum err err = read_at_lcn(vol, mft->lcn, NTFS_MFT, inode.record, f);
    if (err)
        err = read_mirror(vol, NTFS_MFT, inode.record, f);
    if (!err)
        err = ntfs_mft_match(inode.record, NTFS_MFT, f);
    if (err)
        return err;

    const struct ntfs_record_header *head = (const struct ntfs_record_header *)inode.record;
    inode.sequence = le16_get(head->sequence);
    err = find_pieces(vol, &inode, f);
    if (!err)
        mft->ready = true;
    return err;
}
