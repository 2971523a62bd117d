/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decides which of a drive's tables counts, and which of its partitions is meant. */
#include "core/part/part.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/mem.h"
#include "core/part/format.h"
#include "core/part/gpt.h"
#include "core/part/mbr.h"

static bool is_ntfs_boot_record(const void *sector)
{
    const struct ntfs_boot_mark *mark = sector;
    return !memcmp(mark->oem, "NTFS    ", 8) && le16_get(mark->signature) == MBR_BOOT_SIGNATURE;
}

static bool is_bitlocker_boot_record(const void *sector)
{
    const struct ntfs_boot_mark *mark = sector;
    return !memcmp(mark->oem, "-FVE-FS-", 8);
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
        /* A hybrid's other entries may still be good; without any the GPT's failure counts. */
        part_mbr_add(table, drive, &mbr);
        if (!table->count)
            return err;
        notes_add(&table->notes, "the GPT is damaged, the partition table in sector 0 was used", 0);
        return ERR_OK;
    }
    part_mbr_add(table, drive, &mbr);
    return ERR_OK;
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
            } else if (is_bitlocker_boot_record(sector) && err == ERR_PARTITION) {
                err = fail(f, ERR_BITLOCKER, "partition %u is encrypted by BitLocker", p->number);
            }
        }
    }
    return err;
}
