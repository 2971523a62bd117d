/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage restore: takes an install back. Where every sector that it wrote still holds what it
 * wrote, all of them get their old bytes. Where the volume was written to since, its metadata has
 * moved on: then the boot code gets its old bytes, and vhdboot.bin its old content.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "cli/options.h"
#include "cli/say.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/entry/open.h"
#include "core/ntfs/format.h"
#include "core/ntfs/ntfs.h"
#include "core/part/format.h"
#include "core/part/part.h"
#include "flash/backup.h"
#include "flash/bootcode.h"
#include "flash/change.h"
#include "flash/gap.h"
#include "flash/gap_change.h"
#include "flash/session.h"
#include "flash/target.h"
#include "host/device.h"
#include "host/overlay.h"
#include "verbs/verbs.h"

/* Is it the disk that the backup was made of? By bytes that no install changes. */
static enum status check_same(const struct session *s, const struct backup *b)
{
    const char *advice = "Name the disk that the backup was made of.";
    struct ntfs_boot_record record;
    struct mbr mbr;
    if (!device_pread(&s->device, &record, sizeof record, b->start_lba << SECTOR_SHIFT) ||
        le64_get(record.bpb.serial) != le64_get(b->vbr.first.bpb.serial))
        return say_error(advice, "%s: is not the volume that was backed up", s->device.path);
    if (b->has_mbr && (!device_pread(&s->device, &mbr, sizeof mbr, 0) ||
                       le32_get(mbr.disk_signature) != le32_get(b->mbr.disk_signature)))
        return say_error(advice, "%s: has another disk signature", s->device.path);
    return STATUS_OK;
}

/* What became of the sectors that install wrote. */
enum found {
    FOUND_ALL,   /* they hold what it left */
    FOUND_MIXED, /* or what was there before it: it was cut */
    FOUND_OTHER, /* somebody has written to the volume since */
};

static enum found find(const struct session *s, const struct backup *b)
{
    uint8_t now[SECTOR_SIZE];
    enum found found = FOUND_ALL;
    for (uint64_t i = 0; i < b->sectors; i++) {
        const struct overlay_sector *sector = &b->sector[i];
        if (sector->lba >= s->device.size >> SECTOR_SHIFT ||
            !device_pread(&s->device, now, sizeof now, sector->lba << SECTOR_SHIFT))
            return FOUND_OTHER;
        if (!memcmp(now, sector->after, SECTOR_SIZE))
            continue;
        if (memcmp(now, sector->before, SECTOR_SIZE))
            return FOUND_OTHER;
        found = FOUND_MIXED;
    }
    return found;
}

/* Content and blocks of folders that install wrote are referred to until the rest is back. A block
 * that gave names to new ones gets those back while the new ones are there. */
static uint8_t step_back(uint8_t step)
{
    if (step == CHANGE_DATA || step == CHANGE_INDEX_NEW)
        return CHANGE_GONE;
    return step == CHANGE_LEAF ? CHANGE_INDEX_NEW : step;
}

static enum status put_all_back(struct session *s, const struct backup *b)
{
    for (uint64_t i = 0; i < b->sectors; i++) {
        if (!device_pwrite(&s->device, b->sector[i].before, SECTOR_SIZE,
                           b->sector[i].lba << SECTOR_SHIFT))
            return device_write_failed(&s->device);
    }
    overlay_settle(&s->overlay);
    for (size_t i = 0, k = 0; i < s->overlay.count; i++) { /* both are sorted by lba */
        while (b->sector[k].lba != s->overlay.sector[i].lba)
            k++;
        s->overlay.sector[i].step = step_back(b->sector[k].step);
    }
    return STATUS_OK;
}

/* All names of the root folder but vhdboot's: a sum that is another one for others. */
static bool add_name(void *ctx, const struct ntfs_dirent *entry)
{
    uint64_t *sum = ctx, hash = entry->record;
    if (!strncasecmp(entry->name, "vhdboot.", strlen("vhdboot.")))
        return true;
    for (const char *c = entry->name; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 0x100000001b3u; /* FNV-1a */
    *sum += hash;
    return true;
}

static bool sum_names(struct target *t, uint64_t *sum)
{
    struct fail f;
    *sum = 0;
    return !ntfs_list(&t->volume, "\\", add_name, sum, &f);
}

/*
 * The volume as it will be, with all sectors put back: does vhdboot.bin have its old content, and
 * the root folder its names? Their clusters were free since install, so that other files may have
 * come and gone there.
 */
static bool old_state_is_whole(struct session *s, const struct backup *b, unsigned number)
{
    struct file file;
    struct fail f;
    struct target *t = &s->target;
    uint64_t names, old_names;
    bool known =
        !target_mount(t, number, &f) && sum_names(t, &names); /* or it was cut in a write */
    t->device.overlay = &s->overlay;
    bool whole =
        !target_mount(t, number, &f) && sum_names(t, &old_names) && (!known || names == old_names);
    if (whole && b->stage2_size != BACKUP_NO_FILE) {
        uint8_t *now = malloc(b->stage2_size + 1);
        whole = now && !ntfs_open(&t->volume, BOOT_STAGE2_PATH, &file, &f) &&
                file.size == b->stage2_size &&
                (!file.size || !file_read(&file, 0, now, (uint32_t)file.size, &f)) &&
                !memcmp(now, b->stage2, b->stage2_size);
        free(now);
    }
    t->device.overlay = NULL;
    return whole;
}

/* What vhdboot's sectors outside of the volumes held, and the MBR's code. */
static enum status put_gap_back(struct session *s, const struct backup *b)
{
    struct mbr mbr;
    struct gap older; /* that the backup's own update replaced */
    if (gap_read(&b->mbr, &older) && !gap_is_there(s, &older))
        return say_error("Use mkimage update for this version, or uninstall.",
                         "%s: the vhdboot that was there before was overwritten by a later update",
                         s->device.path);
    if (!device_pread(&s->device, &mbr, sizeof mbr, 0))
        return device_read_failed(&s->device);
    memcpy(mbr.code, b->mbr.code, sizeof mbr.code);
    bool ok = device_pwrite(&s->device, &mbr, sizeof mbr, 0);
    for (uint64_t i = 0; ok && i < b->sectors; i++) {
        if (b->sector[i].lba)
            ok = device_pwrite(&s->device, b->sector[i].before, SECTOR_SIZE,
                               b->sector[i].lba << SECTOR_SHIFT);
    }
    change_sort_gap(&s->overlay);
    return ok ? STATUS_OK : device_write_failed(&s->device);
}

/* And what install had kept there of them goes. */
static enum status put_files_back(struct session *s, const struct backup *b)
{
    const struct session_file file[] = {{BOOT_STAGE2_PATH, b->stage2, b->stage2_size},
                                        {BACKUP_PATH, NULL, BACKUP_NO_FILE}};
    return session_files(s, file, 2);
}

static enum status put_code_back(struct session *s, const struct backup *b)
{
    struct gap gap;
    if (backup_is_of_gap(b, &gap))
        return put_gap_back(s, b);
    struct boot_record vbr;
    struct mbr mbr;
    enum status status = session_read_code(s, &mbr, &vbr);
    if (!status)
        status = session_check_boot_file(s);
    if (!status)
        status = put_files_back(s, b);
    if (status)
        return status;
    bootcode_vbr_from(&vbr, &b->vbr);
    status = session_vbr(s, &vbr);
    memcpy(mbr.code, b->mbr.code, sizeof mbr.code);
    if (!status && b->has_mbr && !device_pwrite(&s->device, &mbr, sizeof mbr, 0))
        status = device_write_failed(&s->device);
    session_order(s);
    return status;
}

/* The volume as it is now, for a change of it. */
static enum status mount(struct session *s, unsigned number)
{
    struct fail f;
    if (target_mount(&s->target, number, &f))
        return say_fail(&f);
    s->copy_lba = change_copy_lba(&s->target);
    return change_allowed(&s->target);
}

/* Fills the overlay with what brings the old state back; *exact: every byte of it. */
static enum status put_back(struct session *s, const struct backup *b, unsigned number,
                            enum found found, bool *exact)
{
    *exact = found != FOUND_OTHER;
    enum status status = *exact ? put_all_back(s, b) : put_code_back(s, b);
    if (status || !*exact || old_state_is_whole(s, b, number))
        return status;
    *exact = false;
    session_overlay(s);
    status = mount(s, number);
    return status ? status : put_code_back(s, b);
}

/* Do the sectors that vhdboot was installed to belong to no volume now? */
static enum status check_gap(const struct target *t, const struct gap *gap, const struct part *part,
                             unsigned *number)
{
    uint64_t first, end;
    enum status status = gap_area(&t->device, &t->table, &first, &end);
    *number = part->number;
    if (status || (gap->file_lba >= first && gap->file_lba + gap->file_sectors <= end))
        return status;
    return say_error("Name the disk that the backup was made of.",
                     "%s: a partition lies where vhdboot was installed", t->device.path);
}

/* The partition that starts where the backup says: its number may have changed. */
static enum status find_partition(const char *path, const struct backup *b, unsigned *number)
{
    struct target t;
    struct fail f;
    enum status status = target_open_device(&t, path);
    if (status)
        return status;
    const struct part *part = NULL;
    struct gap gap;
    if (part_read(&t.table, &t.blk, &f)) {
        (void)fail_subject(&f, path);
        status = say_fail(&f);
    } else if (!(part = part_at(&t.table, b->start_lba)))
        status = say_error("Name the disk that the backup was made of.",
                           "%s: no partition starts at sector %llu", path,
                           (unsigned long long)b->start_lba);
    else if (backup_is_of_gap(b, &gap))
        status = check_gap(&t, &gap, part, number);
    else if (b->sectors && b->sector[b->sectors - 1].lba >= part->start_lba + part->sectors)
        status = say_error("Name the disk that the backup was made of.",
                           "%s: partition %u has another size than when the backup was made", path,
                           part->number);
    else
        *number = part->number;
    target_close(&t);
    return status;
}

/*
 * Opens the device. A volume in no good state, as an install was cut in the middle of a write, is
 * restored all the same, as long as each sector has its old or its new bytes.
 */
static enum status open_device(struct session *s, const struct backup *b, const char *path,
                               unsigned *number, enum found *found)
{
    *s = (struct session){.device.fd = -1, .target.device.fd = -1};
    enum status status = find_partition(path, b, number);
    if (!status)
        status = device_open(&s->device, path, DEVICE_WRITE);
    if (status)
        return status;
    session_overlay(s);
    status = check_same(s, b);
    if (status)
        return status;
    *found = find(s, b);
    status = target_open_device(&s->target, path);
    return status || *found == FOUND_MIXED ? status : mount(s, *number);
}

enum status verb_restore(const struct options *options)
{
    const char *path = options->argument[0];
    struct backup b;
    struct session s;
    enum found found = FOUND_OTHER;
    unsigned number = 0;
    bool exact = false;
    enum status status = session_confirm(options);
    if (!status)
        status = backup_load(&b, options->argument[1]);
    if (status)
        return status;
    status = open_device(&s, &b, path, &number, &found);
    if (!status)
        status = put_back(&s, &b, number, found, &exact);
    if (!status && options->dry_run) {
        say("%s: would write %zu sector%s", path, s.overlay.count, s.overlay.count == 1 ? "" : "s");
        change_list(&s.overlay);
    } else if (!status) {
        /* Backwards also where only code goes back, as the file may go away. */
        status = change_commit(&s.device, &s.overlay, true);
        if (!status)
            say("%s: restored, %zu sector%s written%s", path, s.overlay.count,
                s.overlay.count == 1 ? "" : "s",
                exact ? "" : "; the volume was written to since, so its other metadata stays");
    }
    session_close(&s);
    backup_free(&b);
    return status;
}
