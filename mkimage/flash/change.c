/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds out, by looking at the sectors, what each of them belongs to, and so when it may be
 * written. Knows no file by name; never changes a sector, but for the update sequence numbers.
 */
#include "flash/change.h"
#include <string.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/ntfs/format.h"
#include "core/ntfs/ntfs.h"
#include "core/part/table.h"
#include "flash/gap.h"
#include "host/interrupt.h"
#include "layout.h"

enum status change_allowed(const struct target *t)
{
    struct fail f;
    const struct ntfs *volume = &t->volume;
    if (volume->hibernated)
        (void)fail(&f, ERR_HIBERNATED, "Windows is hibernated on this volume", 0);
    else if (volume->log_unclean)
        (void)fail(&f, ERR_CORRUPT, "the volume's log holds work that was not finished", 0);
    else if (volume->dirty)
        (void)fail(&f, ERR_CORRUPT, "the volume is marked dirty", 0);
    else
        return STATUS_OK;
    (void)fail_subject(&f, t->device.path);
    const char *advice = "Run chkdsk on it in Windows (chkdsk /f), then unmount it there.";
    if (volume->hibernated)
        advice = "Start that Windows and shut it down fully (shutdown /s /f /t 0).";
    else if (!volume->log_unclean) /* no Windows has work in its log that would be lost by that */
        advice = "Run chkdsk on it in Windows (chkdsk /f), then unmount it there; or, where Linux "
                 "or ntfsresize had it last, ntfsfix -d on its partition.";
    return say_fail_advice(&f, advice);
}

/* It holds an NTFS boot sector: there a copy was kept, and is kept on. */
static bool is_copy(const struct target *t, uint64_t lba)
{
    struct ntfs_boot_record record;
    return device_pread(&t->device, &record, sizeof record, lba << SECTOR_SHIFT) &&
           !memcmp(record.bpb.oem, NTFS_OEM, sizeof record.bpb.oem);
}

uint64_t change_copy_lba(const struct target *t)
{
    struct ntfs_boot_record record;
    const struct part *part = t->part;
    if (!device_pread(&t->device, &record, sizeof record, part->start_lba << SECTOR_SHIFT))
        return 0;
    uint64_t sectors = le64_get(record.bpb.total_sectors);
    unsigned scale = t->volume.sector_size / SECTOR_SIZE;
    uint64_t behind = sectors > part->sectors / scale ? part->sectors : sectors * scale;
    uint64_t last = part->sectors - scale;
    if (behind < part->sectors && is_copy(t, part->start_lba + behind))
        return part->start_lba + behind;
    if (is_copy(t, part->start_lba + last))
        return part->start_lba + last;
    return behind < part->sectors ? part->start_lba + behind : 0;
}

unsigned change_copy_sectors(const struct target *t, uint64_t copy_lba)
{
    unsigned sectors = t->volume.sector_size / SECTOR_SIZE;
    uint64_t left = t->part->start_lba + t->part->sectors - copy_lba;
    return left < sectors ? (unsigned)left : sectors;
}

/* A sector as it will be, or as it is. */
static bool sector_at(const struct overlay *o, uint64_t lba, bool after, uint8_t *sector)
{
    uint64_t off = lba << SECTOR_SHIFT;
    return o->below(o->ctx, sector, SECTOR_SIZE, off) &&
           (!after || overlay_read(o, sector, SECTOR_SIZE, off));
}

/* The sector where byte `at` of the MFT lies; 0 where no zone says. Where clusters are smaller than
 * records, a record may lie in two places. */
static uint64_t mft_lba(const struct volume_zone *zones, unsigned count, uint64_t at)
{
    for (unsigned i = 0; i < count; i++) {
        if (zones[i].area == AREA_RECORD && at - zones[i].at < zones[i].size)
            return (zones[i].off + (at - zones[i].at)) >> SECTOR_SHIFT;
    }
    return 0;
}

/* Is it a folder only before or only after the change? Then it is like any new or removed file: it
 * has to be there while the folder above names it. */
static bool folder_comes_or_goes(const struct overlay *o, uint64_t lba)
{
    uint8_t sector[SECTOR_SIZE];
    const struct ntfs_record_header *head = (const struct ntfs_record_header *)sector;
    const uint16_t folder = NTFS_RECORD_IN_USE | NTFS_RECORD_DIRECTORY;
    for (int after = 0; after < 2; after++) {
        if (!sector_at(o, lba, after, sector) || le32_get(head->block.magic) != NTFS_MAGIC_FILE ||
            (le16_get(head->flags) & folder) != folder)
            return true;
    }
    return false;
}

/* A sector of the MFT: what kind of record does it belong to? */
static uint8_t step_of_record(const struct overlay *o, const struct target *t, uint64_t lba,
                              const struct volume_zone *zone, const struct volume_zone *zones,
                              unsigned zone_count)
{
    uint8_t sector[SECTOR_SIZE];
    const struct ntfs_record_header *head = (const struct ntfs_record_header *)sector;
    uint64_t at = zone->at + ((lba << SECTOR_SHIFT) - zone->off);
    uint64_t first = mft_lba(zones, zone_count, at - at % t->volume.record_size);
    if (!first || !sector_at(o, first, true, sector) ||
        le32_get(head->block.magic) != NTFS_MAGIC_FILE)
        return CHANGE_RECORD;
    if (le16_get(head->flags) & NTFS_RECORD_DIRECTORY)
        return folder_comes_or_goes(o, first) ? CHANGE_RECORD : CHANGE_FOLDER;
    if (!NTFS_REF_NUMBER(le64_get(head->base)))
        return CHANGE_RECORD;
    return le16_get(head->flags) & NTFS_RECORD_IN_USE ? CHANGE_EXTENSION : CHANGE_FREED;
}

/* A sector of neither map nor MFT: a block of a folder's index, or something else. Its first sector
 * is the nearest one before it with an index block's mark. */
static uint8_t step_of_index(const struct overlay *o, const struct target *t, uint64_t lba)
{
    uint8_t sector[SECTOR_SIZE];
    const struct ntfs_index_block *head = (const struct ntfs_index_block *)sector;
    for (uint32_t i = 0; i < t->volume.index_size / SECTOR_SIZE; i++) {
        if (lba - i < t->part->start_lba || !sector_at(o, lba - i, true, sector))
            break;
        if (le32_get(head->block.magic) != NTFS_MAGIC_INDX)
            continue;
        bool inner = head->node.flags & NTFS_NODE_CHILDREN;
        if (!sector_at(o, lba - i, false, sector))
            break;
        bool is_new = le32_get(head->block.magic) != NTFS_MAGIC_INDX;
        return is_new ? CHANGE_INDEX_NEW : inner ? CHANGE_FOLDER : CHANGE_LEAF;
    }
    return CHANGE_EXTENSION;
}

void change_sort(struct overlay *o, const struct target *t, uint64_t copy_lba,
                 const struct volume_zone *zones, unsigned zone_count)
{
    static const uint8_t step_of[] = {
        [AREA_BITMAP] = CHANGE_BITMAP, [AREA_RECORD] = CHANGE_RECORD,
        [AREA_ROOT] = CHANGE_FOLDER,   [AREA_MIRRORED] = CHANGE_MIRRORED,
        [AREA_COPY] = CHANGE_RECORD,   [AREA_INDEX_NEW] = CHANGE_INDEX_NEW,
        [AREA_OTHER] = CHANGE_DATA};
    uint64_t start = t->part->start_lba;
    for (size_t i = 0; i < o->count; i++) {
        struct overlay_sector *s = &o->sector[i];
        s->step = CHANGE_STEPS;
        if (s->lba == start)
            s->step = CHANGE_VBR;
        else if (s->lba == 0)
            s->step = CHANGE_MBR;
        else if (copy_lba && s->lba - copy_lba < change_copy_sectors(t, copy_lba))
            s->step = CHANGE_VBR_COPY;
        else if (s->lba > start && s->lba < start + VBR_SIZE / SECTOR_SIZE)
            s->step = CHANGE_VBR_REST;
        else
            for (unsigned k = 0; k < zone_count; k++) {
                if ((s->lba << SECTOR_SHIFT) - zones[k].off < zones[k].size) {
                    s->step = zones[k].area == AREA_RECORD || zones[k].area == AREA_COPY
                                  ? step_of_record(o, t, s->lba, &zones[k], zones, zone_count)
                                  : step_of[zones[k].area];
                    break;
                }
            }
        if (s->step == CHANGE_STEPS)
            s->step = step_of_index(o, t, s->lba);
    }
}

void change_sort_gap(struct overlay *o)
{
    overlay_settle(o);
    uint64_t header = 0; /* it follows a mark */
    for (size_t i = 0; i < o->count; i++) {
        struct overlay_sector *s = &o->sector[i];
        bool mark = gap_is_mark(s->before) || gap_is_mark(s->after);
        s->step = !s->lba ? CHANGE_MBR : mark || s->lba == header ? CHANGE_GAP_MARK : CHANGE_GAP;
        if (mark)
            header = s->lba + 1;
    }
}

static bool same_word(le16 a, le16 b)
{
    return le16_get(a) == le16_get(b);
}

/* The update sequence number of the structure whose first sector this is. */
static le16 *number_of(uint8_t *sector)
{
    return (le16 *)(sector + le16_get(((struct ntfs_block_header *)sector)->usa_offset));
}

/* The word that stands for it at the end of one of its sectors. */
static le16 *last_word(uint8_t *sector)
{
    return &((struct ntfs_stride *)sector)->last;
}

/* Is it the first sector of a record or index block of `count` sectors? */
static bool is_head(const uint8_t *sector, unsigned count, uint32_t magic)
{
    const struct ntfs_block_header *head = (const struct ntfs_block_header *)sector;
    return le32_get(head->magic) == magic && le16_get(head->usa_count) == count + 1 &&
           le16_get(head->usa_offset) + 2 * (count + 1) <= offsetof(struct ntfs_stride, last);
}

/* The sectors from `index` on, `count` of them, if they are neighbours and one protected structure
 * before and after the change. */
static bool is_record(const struct overlay *o, size_t index, unsigned count, uint32_t magic)
{
    if (index + count > o->count)
        return false;
    struct overlay_sector *s = &o->sector[index];
    const struct ntfs_block_header *before = (const struct ntfs_block_header *)s->before;
    const struct ntfs_block_header *after = (const struct ntfs_block_header *)s->after;
    if (!is_head(s->before, count, magic) || !is_head(s->after, count, magic) ||
        !same_word(before->usa_offset, after->usa_offset))
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (s[i].lba != s->lba + i || !same_word(*last_word(s[i].after), *number_of(s->after)) ||
            !same_word(*last_word(s[i].before), *number_of(s->before)))
            return false;
    }
    return true;
}

static void keep_number(struct overlay *o, size_t index, unsigned count)
{
    struct overlay_sector *s = &o->sector[index];
    le16 old = *number_of(s->before), new = *number_of(s->after);
    for (int pass = 0; pass < 2; pass++) { /* the second puts the new number back */
        *number_of(s->after) = pass ? new : old;
        unsigned changed = 0;
        for (unsigned i = 0; i < count; i++) {
            *last_word(s[i].after) = pass ? new : old;
            changed += memcmp(s[i].before, s[i].after, SECTOR_SIZE) != 0;
        }
        if (changed <= 1)
            return;
    }
}

void change_keep_numbers(struct overlay *o, uint32_t record_size, uint32_t index_size)
{
    unsigned record = record_size / SECTOR_SIZE, index = index_size / SECTOR_SIZE;
    for (size_t i = 0; i < o->count; i++) {
        if (is_record(o, i, record, NTFS_MAGIC_FILE))
            keep_number(o, i, record);
        else if (is_record(o, i, index, NTFS_MAGIC_INDX))
            keep_number(o, i, index);
    }
    overlay_settle(o);
}

/* Writes the sectors of one step, neighbours together, and waits until they are on the device. */
static bool write_step(struct device *device, const struct overlay *o, enum change_step step,
                       bool both)
{
    enum { TOGETHER = 128 };
    static uint8_t buffer[TOGETHER * SECTOR_SIZE];
    bool any = false;
    for (size_t i = 0; i < o->count;) {
        if (o->sector[i].step != step) {
            i++;
            continue;
        }
        size_t n = 0;
        while (i + n < o->count && n < TOGETHER && o->sector[i + n].step == step &&
               o->sector[i + n].lba == o->sector[i].lba + n) {
            const struct overlay_sector *s = &o->sector[i + n];
            for (unsigned k = 0; k < SECTOR_SIZE; k++)
                buffer[n * SECTOR_SIZE + k] = both ? s->before[k] | s->after[k] : s->after[k];
            n++;
        }
        if (!device_pwrite(device, buffer, n * SECTOR_SIZE, o->sector[i].lba << SECTOR_SHIFT))
            return false;
        any = true;
        i += n;
    }
    return !any || device_sync(device);
}

void change_state(const char *path, enum change_state state)
{
    static const char *const sentence[] = {
        [CHANGE_NONE_YET] = "nothing of it was changed yet.",
        [CHANGE_UNDER_WAY] = "in the middle of a change, so it has the old state or the new one. "
                             "Run this again.",
        [CHANGE_DONE] = "some of the work is done, and whole so far. Run this again.",
    };
    static bool changed;
    if (state == CHANGE_NONE_YET && changed)
        return;
    changed |= state != CHANGE_NONE_YET;
    interrupt_state(path, sentence[state]);
}

enum status change_commit(struct device *device, const struct overlay *o, bool backwards)
{
    struct order {
        enum change_step step;
        bool both;
    };
    static const struct order forward[] = {
        {CHANGE_GAP_MARK, false}, {CHANGE_GAP, false},       {CHANGE_DATA, false},
        {CHANGE_BITMAP, true},    {CHANGE_EXTENSION, false}, {CHANGE_MIRRORED, false},
        {CHANGE_RECORD, false},   {CHANGE_INDEX_NEW, false}, {CHANGE_FOLDER, false},
        {CHANGE_LEAF, false},     {CHANGE_FREED, false},     {CHANGE_BITMAP, false},
        {CHANGE_VBR_REST, false}, {CHANGE_VBR, false},       {CHANGE_VBR_COPY, false},
        {CHANGE_MBR, false},      {CHANGE_GONE, false}};
    static const struct order backward[] = {
        {CHANGE_MBR, false},       {CHANGE_VBR_REST, false}, {CHANGE_VBR, false},
        {CHANGE_VBR_COPY, false},  {CHANGE_DATA, false},     {CHANGE_BITMAP, true},
        {CHANGE_INDEX_NEW, false}, {CHANGE_FOLDER, false},   {CHANGE_LEAF, false},
        {CHANGE_RECORD, false},    {CHANGE_MIRRORED, false}, {CHANGE_FREED, false},
        {CHANGE_EXTENSION, false}, {CHANGE_BITMAP, false},   {CHANGE_GONE, false},
        {CHANGE_GAP, false},       {CHANGE_GAP_MARK, false}};
    static_assert(sizeof forward == sizeof backward, "every step both ways");
    const struct order *order = backwards ? backward : forward;
    struct overlay *keep = device->overlay;
    device->overlay = NULL;
    bool ok = true;
    if (o->count)
        change_state(device->path, CHANGE_UNDER_WAY);
    for (unsigned i = 0; ok && i < sizeof forward / sizeof forward[0]; i++)
        ok = write_step(device, o, order[i].step, order[i].both);
    if (ok && o->count)
        change_state(device->path, CHANGE_DONE);
    device->overlay = keep;
    return ok ? STATUS_OK : device_write_failed(device);
}

void change_list(const struct overlay *o)
{
    static const char *const names[CHANGE_STEPS] = {
        [CHANGE_DATA] = "content of files",
        [CHANGE_BITMAP] = "maps of used clusters and records",
        [CHANGE_EXTENSION] = "further records of files, other metadata",
        [CHANGE_FREED] = "records that become free",
        [CHANGE_RECORD] = "records of files",
        [CHANGE_INDEX_NEW] = "new blocks of folders",
        [CHANGE_LEAF] = "folders",
        [CHANGE_FOLDER] = "folders, to other blocks of them",
        [CHANGE_VBR_REST] = "boot record, sectors 1 to 15",
        [CHANGE_VBR] = "boot record, sector 0",
        [CHANGE_VBR_COPY] = "copy of the boot record",
        [CHANGE_MBR] = "master boot record",
        [CHANGE_GAP] = "vhdboot, outside of the volumes",
        [CHANGE_MIRRORED] = "the MFT's own records and their copies",
        [CHANGE_GONE] = "what nothing will refer to",
    };
    for (unsigned step = 0; step < CHANGE_STEPS; step++) {
        unsigned count = 0;
        uint64_t first = 0;
        for (size_t i = 0; i < o->count; i++) {
            unsigned its = o->sector[i].step;
            if ((its == CHANGE_GAP_MARK ? CHANGE_GAP : its) != step)
                continue;
            if (!count++)
                first = o->sector[i].lba;
        }
        if (count)
            say("  %s: %u sector%s from sector %llu on", names[step], count, count == 1 ? "" : "s",
                (unsigned long long)first);
    }
}
