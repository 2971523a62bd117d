/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two places, taken in turn. Where a partition
 * starts is read from the table itself: core's list has no extended ones, which begin with a sector
 * of their own. */
#include "flash/gap.h"
#include <inttypes.h>
#include "core/base/endian.h"
#include "stage2_format.h"

#define GAP_END 2048u /* nobody leaves more free */

static struct gap_record *record_of(struct mbr *mbr)
{
    return (struct gap_record *)(mbr->code + sizeof mbr->code - sizeof(struct gap_record));
}

bool gap_read(const struct mbr *mbr, struct gap *gap)
{
    struct mbr copy = *mbr;
    const struct gap_record *record = record_of(&copy);
    *gap = (struct gap){.file_lba = le32_get(record->file_lba),
                        .volume_lba = le64_get(record->volume_lba),
                        .file_sectors = le16_get(record->file_sectors)};
    return le32_get(record->magic) == GAP_MAGIC && gap->file_lba && gap->file_sectors &&
           gap->file_sectors <= GAP_PLACE;
}

void gap_write(struct mbr *mbr, const struct gap *gap)
{
    *record_of(mbr) = (struct gap_record){.magic = le32_make(GAP_MAGIC),
                                          .file_lba = le32_make((uint32_t)gap->file_lba),
                                          .file_sectors = le16_make((uint16_t)gap->file_sectors),
                                          .volume_lba = le64_make(gap->volume_lba)};
}

bool gap_is_mark(const uint8_t sector[SECTOR_SIZE])
{
    return le32_get(*(const le32 *)(sector + SECTOR_SIZE - sizeof(le32))) == STAGE2_MAGIC;
}

bool gap_has_area(const struct part_table *table)
{
    bool found = table->scheme == PART_MBR;
    for (unsigned i = 0; !found && i < table->count; i++)
        found = table->part[i].bios_boot;
    return found;
}

/* The sectors between the MBR and whatever comes first. */
static enum status gap_of_mbr(const struct device *device, uint64_t *end)
{
    struct mbr mbr;
    if (!device_pread(device, &mbr, sizeof mbr, 0))
        return device_read_failed(device);
    *end = GAP_END;
    for (unsigned i = 0; i < PART_PRIMARIES; i++) {
        uint32_t start = le32_get(mbr.entry[i].start_lba);
        if (mbr.entry[i].type && start < *end)
            *end = start;
    }
    return STATUS_OK;
}

enum status gap_area(const struct device *device, const struct part_table *table, uint64_t *first,
                     uint64_t *end)
{
    const char *path = device->path;
    *first = 1;
    if (table->scheme == PART_MBR)
        return gap_of_mbr(device, end);
    if (table->scheme == PART_NONE)
        return say_error("Install without --place gap.",
                         "%s: is one bare volume, with no sectors outside of it", path);
    for (unsigned i = 0; i < table->count; i++) {
        const struct part *part = &table->part[i];
        if (!part->bios_boot)
            continue;
        *first = part->start_lba;
        *end = part->start_lba + part->sectors;
        if (*end <= UINT32_MAX)
            return STATUS_OK;
        return say_error("Make one below that.", "%s: the BIOS boot partition %u lies beyond 2 TiB",
                         path, part->number);
    }
    return say_error("Make one of 1 MiB: sgdisk --new=0:34:2047 --typecode=0:ef02, or with parted, "
                     "bios_grub on.",
                     "%s: the GPT has no BIOS boot partition", path);
}

enum status gap_choose(const struct device *device, const struct part_table *table,
                       uint32_t sectors, const struct gap *old, uint64_t *file_lba)
{
    uint64_t first, end;
    enum status status = gap_area(device, table, &first, &end);
    if (status)
        return status;
    if (end < first || end - first < sectors)
        return say_error("Install without --place gap.",
                         "%s: sectors %" PRIu64 " to %" PRIu64
                         " are too few: vhdboot needs %" PRIu32,
                         device->path, first, end - 1, sectors);
    bool taken = old && old->file_lba < first + sectors;
    bool both = end - first >= (uint64_t)GAP_PLACE + sectors;
    *file_lba = taken && both ? first + GAP_PLACE : first;
    return STATUS_OK;
}
