/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything is checked once, when the record comes in; who walks it need not ask again. */
#include "core/ntfs/record.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/mem.h"
#include "core/ntfs/format.h"

const uint8_t ntfs_name_i30[8] = {'$', 0, 'I', 0, '3', 0, '0', 0};

enum err ntfs_fixup(uint8_t *block, uint32_t size, uint32_t header_size, uint64_t number,
                    struct fail *f)
{
    const struct ntfs_block_header *head = (const struct ntfs_block_header *)block;
    uint32_t off = le16_get(head->usa_offset);
    uint32_t count = le16_get(head->usa_count);
    uint32_t strides = size / NTFS_STRIDE;
    if (off & 1 || off < header_size || count != strides + 1 ||
        !range_ok(off, 2 * count, NTFS_STRIDE - 2))
        return fail(f, ERR_CORRUPT, "the update sequence of block %u is misplaced", number);

    const uint8_t *usa = block + off;
    for (uint32_t i = 1; i <= strides; i++) {
        if (memcmp(block + i * NTFS_STRIDE - 2, usa, 2))
            return fail(f, ERR_CORRUPT, "block %u is torn: it was only partly written", number);
    }
    for (uint32_t i = 1; i <= strides; i++)
        memcpy(block + i * NTFS_STRIDE - 2, usa + (size_t)2 * i, 2);
    return ERR_OK;
}

static bool resident_ok(const struct ntfs_attr_header *head, uint32_t length)
{
    const struct ntfs_attr_resident *r = (const struct ntfs_attr_resident *)head;
    uint32_t off = le16_get(r->value_offset);
    return off >= sizeof *r && range_ok(off, le32_get(r->value_length), length);
}

static bool nonresident_ok(const struct ntfs_attr_header *head, uint32_t length)
{
    const struct ntfs_attr_nonresident *n = (const struct ntfs_attr_nonresident *)head;
    if (length < sizeof *n)
        return false;

    /* Pieces after the first have no sizes that count, and no packed size either. */
    uint32_t least = sizeof *n;
    if (le16_get(head->flags) & (NTFS_FLAG_COMPRESSED | NTFS_FLAG_SPARSE) &&
        !le64_get(n->lowest_vcn))
        least = NTFS_NONRESIDENT_PACKED;
    uint32_t pairs = le16_get(n->pairs_offset);
    return pairs >= least && pairs < length;
}

/* Is the attribute at `head`, which has `left` bytes up to the record's end, whole? */
static bool attribute_ok(const struct ntfs_attr_header *head, uint32_t left)
{
    if (left < sizeof(struct ntfs_attr_resident))
        return false;
    uint32_t length = le32_get(head->length);
    if (length & 7 || length < sizeof(struct ntfs_attr_resident) || length > left)
        return false;
    if (head->name_length && !range_ok(le16_get(head->name_offset), 2u * head->name_length, length))
        return false;
    if (head->nonresident > 1)
        return false;
    return head->nonresident ? nonresident_ok(head, length) : resident_ok(head, length);
}

static enum err attributes_check(const uint8_t *record, uint32_t off, uint32_t used,
                                 uint64_t number, struct fail *f)
{
    while (used - off >= 4) { /* ends: off grows by at least 24 */
        const struct ntfs_attr_header *head = (const struct ntfs_attr_header *)(record + off);
        if (le32_get(head->type) == NTFS_ATTR_END)
            return ERR_OK;
        if (!attribute_ok(head, used - off))
            return fail(f, ERR_CORRUPT, "MFT record %u has an attribute out of its bounds", number);
        off += le32_get(head->length);
    }
    return fail(f, ERR_CORRUPT, "the attributes of MFT record %u have no end", number);
}

enum err ntfs_record_check(uint8_t *record, uint32_t size, uint64_t number, struct fail *f)
{
    const struct ntfs_record_header *head = (const struct ntfs_record_header *)record;
    uint32_t magic = le32_get(head->block.magic);
    if (magic == NTFS_MAGIC_BAAD)
        return fail(f, ERR_CORRUPT, "MFT record %u is marked bad", number);
    if (magic != NTFS_MAGIC_FILE)
        return fail(f, ERR_CORRUPT, "MFT record %u has no FILE signature", number);

    enum err err =
        ntfs_fixup(record, size, offsetof(struct ntfs_record_header, reserved), number, f);
    if (err)
        return err;

    uint32_t off = le16_get(head->attributes_offset);
    uint32_t used = le32_get(head->used);
    uint32_t usa_end = le16_get(head->block.usa_offset) + 2u * le16_get(head->block.usa_count);
    if (used > size || off & 7 || off < usa_end || off >= used)
        return fail(f, ERR_CORRUPT, "MFT record %u has a header out of its bounds", number);

    bool has_number = le16_get(head->block.usa_offset) >= sizeof *head; /* NTFS 3.1 */
    if (has_number && le32_get(head->number) != (uint32_t)number)
        return fail(f, ERR_CORRUPT, "MFT record %u says that it is another one", number);
    return attributes_check(record, off, used, number, f);
}

static bool attribute_is(const struct ntfs_attr_header *head, const struct ntfs_attr_key *key)
{
    if (le32_get(head->type) != key->type || head->name_length != key->name_length)
        return false;
    if (key->name_length && memcmp((const uint8_t *)head + le16_get(head->name_offset), key->name,
                                   2u * key->name_length))
        return false;

    uint64_t lowest = 0;
    if (head->nonresident)
        lowest = le64_get(((const struct ntfs_attr_nonresident *)head)->lowest_vcn);
    if (!key->from_list)
        return !lowest;
    return lowest == key->lowest_vcn && le16_get(head->instance) == key->instance;
}

const struct ntfs_attr_header *ntfs_record_find(const uint8_t *record,
                                                const struct ntfs_attr_key *key)
{
    uint32_t off = le16_get(((const struct ntfs_record_header *)record)->attributes_offset);
    for (;;) { /* ends: ntfs_record_check saw the end marker */
        const struct ntfs_attr_header *head = (const struct ntfs_attr_header *)(record + off);
        if (le32_get(head->type) == NTFS_ATTR_END)
            return NULL;
        if (attribute_is(head, key))
            return head;
        off += le32_get(head->length);
    }
}
