/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/part/part.h"
#include "core/base/blk.h"
#include "core/base/mem.h"
#include "core/part/format.h"
#include "core/part/gpt.h"

#define EBR_MAX                                                                                    \
    128 /* as many logical partitions as fit in the table, and more than any tool makes */

void part_add(struct part_table *table, const struct blk *drive, const struct part *part)
{
    if (part->start_lba >= drive->sectors) {
        notes_add(&table->notes, "partition %u starts beyond the end of the drive", part->number);
        return;
    }
    if (table->count == PART_MAX) {
        notes_add(&table->notes, "partition %u and later ones do not fit in the list",
                  part->number);
        return;
    }
    struct part *to = &table->part[table->count++];
    *to = *part;
    if (to->sectors > drive->sectors - to->start_lba) {
        notes_add(&table->notes, "partition %u reaches beyond the end of the drive", part->number);
        to->sectors = drive->sectors - to->start_lba;
    }
}

static bool is_extended(const struct mbr_entry *e)
{
    return e->type == 0x05 || e->type == 0x0f || e->type == 0x85;
}

static bool is_ntfs_boot_record(const void *sector)
{
    const struct ntfs_boot_mark *mark = sector;
    return !memcmp(mark->oem, "NTFS    ", 8) && le16_get(mark->signature) == MBR_BOOT_SIGNATURE;
}

/* Adds the partitions of one EBR and returns its entry that leads on, or NULL. Entries are counted
 * as Linux counts them, so that numbers agree. */
static const struct mbr_entry *ebr_entries(struct part_table *table, const struct blk *drive,
                                           const struct mbr *ebr, uint64_t lba, unsigned *number)
{
    const struct mbr_entry *next = NULL;
    for (unsigned i = 0; i < 4; i++) {
        const struct mbr_entry *e = &ebr->entry[i];
        if (!le32_get(e->sectors))
            continue;
        if (is_extended(e)) {
            next = next ? next : e;
            continue;
        }
        if (i >= 2) /* no tool fills these; what stands there is rubbish */
            continue;
        struct part part = {.number = (*number)++,
                            .type = e->type,
                            .active = e->active == MBR_ACTIVE,
                            .start_lba = lba + le32_get(e->start_lba),
                            .sectors = le32_get(e->sectors)};
        if (part.type)
            part_add(table, drive, &part);
    }
    return next;
}

/*
 * The logical partitions of one extended partition. EBRs are told by their distance from the first
 * one; a distance that was there before closes a loop and ends the walk. A damaged chain ends with
 * a note: what was found before it still counts.
 */
static void ebr_walk(struct part_table *table, struct blk *drive, uint32_t extended,
                     unsigned *number)
{
    uint32_t seen[EBR_MAX];
    uint32_t distance = 0;
    for (unsigned n = 0; n < EBR_MAX; n++) {
        uint64_t lba = (uint64_t)extended + distance;
        for (unsigned i = 0; i < n; i++) {
            if (seen[i] == distance) {
                notes_add(&table->notes, "the logical partitions' tables lead back to sector %u",
                          lba);
                return;
            }
        }
        seen[n] = distance;

        struct mbr ebr;
        struct fail ignored;
        if (blk_read(drive, lba, 1, &ebr, &ignored)) {
            notes_add(&table->notes, "a logical partition's table at sector %u cannot be read",
                      lba);
            return;
        }
        if (le16_get(ebr.signature) != MBR_BOOT_SIGNATURE) {
            notes_add(&table->notes,
                      "sector %u should hold a logical partition's table, "
                      "but does not",
                      lba);
            return;
        }
        const struct mbr_entry *next = ebr_entries(table, drive, &ebr, lba, number);
        if (!next)
            return;
        distance = le32_get(next->start_lba);
    }
    notes_add(&table->notes, "more than %u logical partitions", EBR_MAX);
}

static void mbr_entries(struct part_table *table, struct blk *drive, const struct mbr *mbr)
{
    table->scheme = PART_MBR;
    for (unsigned i = 0; i < 4; i++) {
        const struct mbr_entry *e = &mbr->entry[i];
        struct part part = {.number = i + 1,
                            .type = e->type,
                            .active = e->active == MBR_ACTIVE,
                            .start_lba = le32_get(e->start_lba),
                            .sectors = le32_get(e->sectors)};
        if (part.type && part.sectors && part.type != MBR_TYPE_GPT && !is_extended(e))
            part_add(table, drive, &part);
    }

    unsigned number = 5;
    for (unsigned i = 0; i < 4; i++) {
        const struct mbr_entry *e = &mbr->entry[i];
        if (is_extended(e) && le32_get(e->sectors))
            ebr_walk(table, drive, le32_get(e->start_lba), &number);
    }
}

enum err part_read(struct part_table *table, struct blk *drive, struct fail *f)
{
    memset(table, 0, sizeof *table);
    struct mbr mbr;
    enum err err = blk_read(drive, 0, 1, &mbr, f);
    if (err)
        return err;
    if (le16_get(mbr.signature) != MBR_BOOT_SIGNATURE)
        return fail(f, ERR_PARTITION, "sector 0 holds no partition table", 0);

    if (is_ntfs_boot_record(&mbr)) {
        table->count = 1;
        table->part[0] = (struct part){.sectors = drive->sectors};
        return ERR_OK;
    }

    table->disk_signature = le32_get(mbr.disk_signature);
    bool gpt = false;
    for (unsigned i = 0; i < 4; i++) {
        if (mbr.entry[i].active & 0x7f) /* the code of some volume's boot record stands there */
            return fail(f, ERR_PARTITION, "sector 0 holds no partition table", 0);
        gpt |= mbr.entry[i].type == MBR_TYPE_GPT;
    }
    if (gpt) {
        table->scheme = PART_GPT;
        err = part_gpt_read(table, drive, f);
        if (!err)
            return ERR_OK;
        /* A hybrid's other entries may still be good; with none, the GPT's failure is the answer.
         */
        mbr_entries(table, drive, &mbr);
        if (!table->count)
            return err;
        notes_add(&table->notes, "the GPT is damaged, the partition table in sector 0 was used", 0);
        return ERR_OK;
    }
    mbr_entries(table, drive, &mbr);
    return ERR_OK;
}

const struct part *part_at(const struct part_table *table, uint64_t start_lba)
{
    for (unsigned i = 0; i < table->count; i++) {
        if (table->part[i].start_lba == start_lba)
            return &table->part[i];
    }
    return NULL;
}

static const struct part *part_numbered(const struct part_table *table, unsigned number)
{
    for (unsigned i = 0; i < table->count; i++) {
        if (table->part[i].number == number)
            return &table->part[i];
    }
    return NULL;
}

enum err part_pick(const struct part_table *table, struct blk *drive, unsigned number,
                   const struct part **part, struct fail *f)
{
    if (number) {
        *part = part_numbered(table, number);
        return *part ? ERR_OK : fail(f, ERR_PARTITION, "the drive has no partition %u", number);
    }

    /* What to say where no partition will do: a sector that cannot be read tells the most. */
    enum err err = fail(f, ERR_PARTITION, "the drive has no NTFS partition", 0);
    for (unsigned round = 0; round < 2; round++) { /* the active ones first */
        for (unsigned i = 0; i < table->count; i++) {
            const struct part *p = &table->part[i];
            if (p->active != !round)
                continue;
            uint8_t sector[SECTOR_SIZE];
            struct fail read;
            if (blk_read(drive, p->start_lba, 1, sector, &read)) {
                *f = read;
                err = read.err;
            } else if (is_ntfs_boot_record(sector)) {
                *part = p;
                return ERR_OK;
            } else if (!memcmp(sector + 3, "-FVE-FS-", 8) && err == ERR_PARTITION) {
                err = fail(f, ERR_BITLOCKER, "partition %u is encrypted by BitLocker", p->number);
            }
        }
    }
    return err;
}
