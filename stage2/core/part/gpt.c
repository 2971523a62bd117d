/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GUID partition table. Nothing of it counts before both its checksums are right; a damaged one is
 * replaced by its copy at the drive's end, which is noted.
 */
#include "core/part/gpt.h"
#include "core/base/bits.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/base/crc32.h"
#include "core/base/endian.h"
#include "core/base/mem.h"
#include "core/part/format.h"
#include "core/part/table.h"

#define GPT_ENTRY_SIZE_MAX 4096u
#define GPT_ARRAY_MAX      (1u << 20) /* bytes; tools write 16 KiB */

struct gpt_array {
    uint64_t lba;
    uint32_t entry_count;
    uint32_t entry_size;
    uint32_t crc;
};

static enum err gpt_header_read(struct gpt_array *array, struct blk *drive, uint64_t lba,
                                struct fail *f)
{
    struct gpt_header h;
    enum err err = blk_read(drive, lba, 1, &h, f);
    if (err)
        return err;
    if (memcmp(h.signature, "EFI PART", 8))
        return fail(f, ERR_CORRUPT, "no GPT header in sector %u", lba);

    uint32_t size = le32_get(h.header_size);
    if (size < GPT_HEADER_SIZE_MIN || size > sizeof h)
        return fail(f, ERR_CORRUPT, "the GPT header says it is %u bytes long", size);
    uint32_t crc = le32_get(h.header_crc);
    h.header_crc = le32_make(0);
    if (crc32_ieee(0, &h, size) != crc)
        return fail(f, ERR_CORRUPT, "the GPT header in sector %u has a wrong checksum", lba);
    if (le64_get(h.my_lba) != lba)
        return fail(f, ERR_CORRUPT, "the GPT header says it lies in sector %u, but does not",
                    le64_get(h.my_lba));

    array->lba = le64_get(h.entries_lba);
    array->entry_count = le32_get(h.entry_count);
    array->entry_size = le32_get(h.entry_size);
    array->crc = le32_get(h.entries_crc);
    if (array->entry_size < sizeof(struct gpt_entry) || array->entry_size > GPT_ENTRY_SIZE_MAX ||
        !is_power_of_two(array->entry_size))
        return fail(f, ERR_CORRUPT, "the GPT says its entries are %u bytes long",
                    array->entry_size);
    if (array->entry_count > GPT_ARRAY_MAX >> log2_u32(array->entry_size))
        return fail(f, ERR_LIMIT, "the GPT says it has %u entries", array->entry_count);
    return ERR_OK;
}

static void gpt_entry_add(struct part_table *table, const struct blk *drive,
                          const struct gpt_entry *e, unsigned number)
{
    if (bytes_are(e->type, sizeof e->type, 0)) /* unused */
        return;
    uint64_t first = le64_get(e->first_lba);
    uint64_t last = le64_get(e->last_lba);
    if (!first || last < first || last == UINT64_MAX) {
        notes_add(&table->notes, "partition %u of the GPT ends before it starts", number);
        return;
    }
    struct part part = {.number = number,
                        .bios_boot = !memcmp(e->type, GPT_TYPE_BIOS_BOOT, sizeof e->type),
                        .start_lba = first,
                        .sectors = last - first + 1};
    part_add(table, drive, &part);
}

/* Walks the array once for its checksum or, with `table`, for its partitions. */
static enum err gpt_array_walk(const struct gpt_array *array, struct blk *drive,
                               struct part_table *table, uint32_t *crc, struct fail *f)
{
    union {
        uint8_t bytes[SECTOR_SIZE];
        struct gpt_entry entry[SECTOR_SIZE / sizeof(struct gpt_entry)];
    } sector;
    unsigned shift = log2_u32(array->entry_size);
    uint32_t bytes = array->entry_count << shift;
    *crc = 0;
    for (uint32_t off = 0; off < bytes; off += SECTOR_SIZE) {
        enum err err = blk_read(drive, array->lba + (off >> SECTOR_SHIFT), 1, &sector, f);
        if (err)
            return err;
        uint32_t n = bytes - off < SECTOR_SIZE ? bytes - off : SECTOR_SIZE;
        *crc = crc32_ieee(*crc, sector.bytes, n);
        for (uint32_t in = 0; table && in < n; in += sizeof(struct gpt_entry)) {
            if (!((off + in) & (array->entry_size - 1)))
                gpt_entry_add(table, drive, &sector.entry[in / sizeof(struct gpt_entry)],
                              ((off + in) >> shift) + 1);
        }
    }
    return ERR_OK;
}

static enum err gpt_read_at(struct part_table *table, struct blk *drive, uint64_t lba,
                            struct fail *f)
{
    struct gpt_array array;
    uint32_t crc;
    enum err err = gpt_header_read(&array, drive, lba, f);
    if (!err)
        err = gpt_array_walk(&array, drive, NULL, &crc, f);
    if (err)
        return err;
    if (crc != array.crc)
        return fail(f, ERR_CORRUPT, "the GPT's entries at sector %u have a wrong checksum",
                    array.lba);
    return gpt_array_walk(&array, drive, table, &crc, f);
}

enum err part_gpt_read(struct part_table *table, struct blk *drive, struct fail *f)
{
    enum err err = gpt_read_at(table, drive, 1, f);
    if (!err || drive->sectors == UINT64_MAX || drive->sectors < 2)
        return err;

    struct fail backup;
    table->count = 0;
    if (gpt_read_at(table, drive, drive->sectors - 1, &backup))
        return err;
    notes_add(&table->notes, "the GPT is damaged, its copy at the end of the drive was used", 0);
    return ERR_OK;
}
