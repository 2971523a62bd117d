/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Behind vhdboot.bin one more sector keeps the MBR that the first install found: the disk's own
 * memory of what uninstall brings back, handed on from each place to the next.
 */
#include "flash/gap_change.h"
#include <inttypes.h>
#include <string.h>
#include "core/base/bits.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/part/format.h"
#include "flash/bootcode.h"
#include "flash/change.h"
#include "flash/gap.h"
#include "host/device.h"
#include "layout.h"
#include "stage2_format.h"

static bool read_mbr(const struct session *s, struct mbr *mbr)
{
    return device_pread(&s->device, mbr, sizeof *mbr, 0);
}

bool gap_is_installed(const struct session *s)
{
    struct mbr mbr;
    struct gap gap;
    return s->target.table.scheme != PART_NONE && read_mbr(s, &mbr) && gap_read(&mbr, &gap);
}

/* How many sectors of a place are a vhdboot's, by its own header; of one that was cut off before it
 * had one, as many as ours has; 0: it is none's. */
static uint32_t sectors_of(const uint8_t place[2 * SECTOR_SIZE])
{
    static uint8_t ours[GAP_FILE_MAX];
    const struct stage2_header *header = (const struct stage2_header *)(place + SECTOR_SIZE);
    uint32_t size = le32_get(header->size);
    if (!gap_is_mark(place))
        return 0;
    return le32_get(header->magic) == STAGE2_MAGIC && size <= STAGE2_FILE_MAX
               ? 2 + (size + SECTOR_SIZE - 1) / SECTOR_SIZE
               : bootcode_gap_file(ours);
}

/* Do the sectors hold nothing, or a vhdboot, be it a part of one that was cut off? */
static bool is_free(const uint8_t *sectors, size_t size)
{
    size_t own = (size_t)sectors_of(sectors) * SECTOR_SIZE;
    return own >= size || bytes_are(sectors + own, size - own, 0);
}

bool gap_is_there(const struct session *s, const struct gap *gap)
{
    uint8_t place[2 * SECTOR_SIZE];
    return device_pread(&s->device, place, sizeof place, gap->file_lba << SECTOR_SHIFT) &&
           sectors_of(place) == gap->file_sectors;
}

/* What is to lie there: the loader, vhdboot.bin, and the MBR that was there at first. */
static bool compose(const struct session *s, const struct mbr *mbr, const struct gap *old,
                    uint8_t *after, uint32_t sectors)
{
    struct mbr *kept = (struct mbr *)(after + (size_t)(sectors - 1) * SECTOR_SIZE);
    if (!old) {
        *kept = *mbr;
        return true;
    }
    return device_pread(&s->device, kept, sizeof *kept,
                        (old->file_lba + old->file_sectors - 1) << SECTOR_SHIFT);
}

static enum status write_gap(struct session *s, struct mbr *mbr, const struct gap *gap,
                             const uint8_t *after)
{
    bootcode_gap(mbr, gap);
    if (!device_pwrite(&s->device, after, (size_t)gap->file_sectors * SECTOR_SIZE,
                       gap->file_lba << SECTOR_SHIFT) ||
        !device_pwrite(&s->device, mbr, sizeof *mbr, 0))
        return device_write_failed(&s->device);
    change_sort_gap(&s->overlay);
    return STATUS_OK;
}

enum status gap_install(struct session *s, bool may_replace, struct backup *b)
{
    static uint8_t before[GAP_FILE_MAX], after[GAP_FILE_MAX];
    struct device *device = &s->device;
    struct boot_record vbr;
    struct mbr mbr;
    struct gap now;
    struct gap gap = {.volume_lba = s->target.part->start_lba,
                      .file_sectors = bootcode_gap_file(after)};
    size_t size = (size_t)gap.file_sectors * SECTOR_SIZE;
    enum status status = session_read_code(s, &mbr, &vbr);
    if (status)
        return status;
    const struct gap *old = gap_read(&mbr, &now) ? &now : NULL;
    status = gap_choose(device, &s->target.table, gap.file_sectors, old, &gap.file_lba);
    if (status)
        return status;
    if (!compose(s, &mbr, old, after, gap.file_sectors))
        return device_read_failed(device);
    if (old && old->file_sectors == gap.file_sectors &&
        device_pread(device, before, size, old->file_lba << SECTOR_SHIFT) &&
        !memcmp(before, after, size))
        gap.file_lba = old->file_lba; /* it is there already */
    if (!device_pread(device, before, size, gap.file_lba << SECTOR_SHIFT))
        return device_read_failed(device);
    if (!is_free(before, size) && !may_replace)
        return say_error("Say --backup FILE if they may be replaced.",
                         "%s: sectors %" PRIu64 " to %" PRIu64 " hold something of another program",
                         device->path, gap.file_lba, gap.file_lba + gap.file_sectors - 1);
    *b = (struct backup){.device_size = device->size,
                         .start_lba = gap.volume_lba,
                         .serial = s->target.volume.serial,
                         .copy_lba = s->copy_lba,
                         .has_mbr = true,
                         .stage2_size = BACKUP_NO_FILE,
                         .mbr = mbr,
                         .vbr = vbr};
    status = write_gap(s, &mbr, &gap, after);
    b->sector = s->overlay.sector;
    b->sectors = s->overlay.count;
    return status;
}

/* A place of a vhdboot is cleared, whatever the MBR says; *any: there was one. */
static enum status clear_places(struct session *s, uint64_t first, uint64_t end, bool *any)
{
    static const uint8_t zeros[GAP_FILE_MAX];
    uint8_t place[2 * SECTOR_SIZE];
    struct device *device = &s->device;
    *any = false;
    for (uint64_t at = first; at < end && at < first + 2 * GAP_PLACE; at += GAP_PLACE) {
        if (end - at < 2)
            break;
        if (!device_pread(device, place, sizeof place, at << SECTOR_SHIFT))
            return device_read_failed(device);
        uint64_t count = sectors_of(place);
        if (!count)
            continue;
        if (count > end - at)
            count = end - at;
        *any = true;
        if (!device_pwrite(device, zeros, count * SECTOR_SIZE, at << SECTOR_SHIFT))
            return device_write_failed(device);
    }
    return STATUS_OK;
}

enum status gap_clear(struct session *s, bool *any)
{
    uint64_t first, end;
    *any = false;
    if (!gap_has_area(&s->target.table))
        return STATUS_OK;
    enum status status = gap_area(&s->device, &s->target.table, &first, &end);
    if (!status)
        status = clear_places(s, first, end, any);
    if (!status && *any)
        change_sort_gap(&s->overlay);
    return status;
}

enum status gap_uninstall(struct session *s)
{
    struct device *device = &s->device;
    struct mbr mbr, kept;
    struct gap gap;
    bool any;
    if (!read_mbr(s, &mbr) || !gap_read(&mbr, &gap))
        return device_read_failed(device);
    uint64_t first, end, last = gap.file_lba + gap.file_sectors - 1;
    enum status status = gap_area(device, &s->target.table, &first, &end);
    if (status)
        return status;
    if (gap.file_lba < first || last >= end)
        return say_error("Bring the partition table back first.",
                         "%s: a partition lies where the MBR says that vhdboot does", device->path);
    if (!device_pread(device, &kept, sizeof kept, last << SECTOR_SHIFT))
        return device_read_failed(device);
    memcpy(mbr.code, kept.code, sizeof mbr.code);
    if (!device_pwrite(device, &mbr, sizeof mbr, 0))
        return device_write_failed(device);
    status = clear_places(s, first, end, &any);
    if (!status)
        change_sort_gap(&s->overlay);
    return status;
}
