/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage install: boot code into a disk that has an NTFS partition. The whole change is made in an
 * overlay first: until it is complete, checked and saved, the disk is only read.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "cli/options.h"
#include "cli/say.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/entry/open.h"
#include "core/ntfs/ntfs.h"
#include "core/part/format.h"
#include "core/part/table.h"
#include "flash/backup.h"
#include "flash/bootcode.h"
#include "flash/change.h"
#include "flash/gap.h"
#include "flash/session.h"
#include "host/device.h"
#include "ntfs/mirror.h"
#include "verbs/verbs.h"
#include "layout.h"

/* The old file as it is, or BACKUP_NO_FILE. */
static enum status read_old(struct session *s, uint8_t **data, uint64_t *size)
{
    struct file file;
    struct fail f;
    enum err err = ntfs_open(&s->target.volume, BOOT_STAGE2_PATH, &file, &f);
    *size = BACKUP_NO_FILE;
    *data = NULL;
    if (err == ERR_NOT_FOUND)
        return STATUS_OK;
    if (!err && file.size > BACKUP_STAGE2_MAX)
        err = fail(&f, ERR_LIMIT, "%u bytes are more than vhdboot can be", file.size);
    if (!err) {
        *data = malloc(file.size + 1);
        if (!*data)
            return say_no_memory();
        *size = file.size;
        if (file.size)
            err = file_read(&file, 0, *data, (uint32_t)file.size, &f);
    }
    if (!err)
        return STATUS_OK;
    (void)fail_subject(&f, BOOT_STAGE2_PATH);
    return say_fail_advice(&f, "Rename or remove what has this name, then run this again.");
}

/* Is the file there already, plain and whole? Then it stays. */
static bool is_there(struct session *s, const uint8_t *data, uint64_t size, const uint8_t *old,
                     uint64_t old_size)
{
    struct file file;
    struct extent_list list;
    struct fail f;
    return old_size == size && !memcmp(old, data, size) &&
           !ntfs_open(&s->target.volume, BOOT_STAGE2_PATH, &file, &f) &&
           !file_extents(&file, &list, &s->target.arena, &f) &&
           !file_writable_in_place(&file, &list, &f);
}

static enum status build(struct session *s, const struct options *options, struct backup *b)
{
    struct boot_record vbr;
    struct mbr mbr;
    const struct part_table *table = &s->target.table;
    uint64_t start = s->target.part->start_lba;
    enum status status = session_read_code(s, &mbr, &vbr);
    if (status)
        return status;
    *b = (struct backup){.device_size = s->device.size,
                         .start_lba = start,
                         .serial = s->target.volume.serial,
                         .copy_lba = s->copy_lba,
                         .has_mbr = table->scheme == PART_MBR && !options->no_mbr,
                         .mbr = mbr,
                         .vbr = vbr};
    status = mirror_mend(&s->device, start << SECTOR_SHIFT); /* also where nothing else is to do */
    if (!status)
        status = read_old(s, &b->stage2, &b->stage2_size);
    if (!status && !is_there(s, blob_stage2, stage2_size(), b->stage2, b->stage2_size))
        status = session_stage2(s, blob_stage2, stage2_size());
    if (status)
        return status;
    bootcode_vbr(&vbr);
    status = session_vbr(s, &vbr);
    bootcode_mbr(&mbr);
    if (!status && b->has_mbr && !device_pwrite(&s->device, &mbr, sizeof mbr, 0))
        status = device_write_failed(&s->device);
    session_order(s);
    b->sector = s->overlay.sector;
    b->sectors = s->overlay.count;
    return status;
}

/* Do the sectors hold nothing, or a vhdboot, be it a part of one that was cut off? */
static bool is_free(const uint8_t *sectors, size_t size)
{
    const le32 *mark = (const le32 *)(sectors + SECTOR_SIZE - sizeof(le32));
    size_t used = 0;
    for (size_t i = 0; i < size; i++)
        used += sectors[i] != 0;
    return !used || le32_get(*mark) == STAGE2_MAGIC;
}

/* vhdboot outside of the volumes: they are not touched at all. */
static enum status build_in_gap(struct session *s, const struct options *options, struct backup *b)
{
    static uint8_t before[GAP_FILE_MAX], after[GAP_FILE_MAX];
    struct device *device = &s->device;
    struct boot_record vbr;
    struct mbr mbr;
    struct gap old;
    struct gap gap = {.volume_lba = s->target.part->start_lba,
                      .file_sectors = bootcode_gap_file(after)};
    enum status status = session_read_code(s, &mbr, &vbr);
    if (status)
        return status;
    bool was_there = bootcode_gap_is_ours(&mbr) && gap_read(&mbr, &old);
    size_t size = (size_t)gap.file_sectors * SECTOR_SIZE;
    bool same = was_there && old.file_sectors == gap.file_sectors &&
                device_pread(device, before, size, old.file_lba << SECTOR_SHIFT) &&
                !memcmp(before, after, size);
    status = gap_choose(device, &s->target.table, gap.file_sectors, was_there ? &old : NULL,
                        &gap.file_lba);
    if (status)
        return status;
    if (same)
        gap.file_lba = old.file_lba;
    uint64_t off = gap.file_lba << SECTOR_SHIFT;
    if (!device_pread(device, before, size, off))
        return device_read_failed(device);
    if (!is_free(before, size) && !options->backup)
        return say_error("Say --backup FILE if they may be replaced.",
                         "%s: sectors %llu to %llu hold something of another program", device->path,
                         (unsigned long long)gap.file_lba,
                         (unsigned long long)(gap.file_lba + gap.file_sectors - 1));
    *b = (struct backup){.device_size = device->size,
                         .start_lba = gap.volume_lba,
                         .serial = s->target.volume.serial,
                         .copy_lba = s->copy_lba,
                         .has_mbr = true,
                         .stage2_size = BACKUP_NO_FILE,
                         .mbr = mbr,
                         .vbr = vbr};
    bootcode_gap(&mbr, &gap);
    if (!device_pwrite(device, after, size, off) || !device_pwrite(device, &mbr, sizeof mbr, 0))
        return device_write_failed(device);
    change_sort_gap(&s->overlay);
    b->sector = s->overlay.sector;
    b->sectors = s->overlay.count;
    return STATUS_OK;
}

/* What can be known to go wrong at boot, though not for the lack of code. */
static void warn(const struct session *s, const struct options *options)
{
    const struct part *part = s->target.part;
    const char *path = s->device.path;
    if (options->gap)
        ;
    else if (s->target.table.scheme == PART_MBR && part->number > PART_PRIMARIES)
        say_warning("%s: partition %u is a logical one, which no MBR starts", path, part->number);
    else if (s->target.table.scheme == PART_MBR && !part->active)
        say_warning("%s: partition %u is not active; the MBR starts the active one", path,
                    part->number);
    if (!s->copy_lba && !options->gap)
        say_warning("%s: there is no place for a copy of the boot record", path);
    if (!options->backup && !options->dry_run && s->overlay.count)
        say("%s: no --backup was asked for, so there is nothing to restore from", path);
}

static enum status check_table(const struct session *s, const struct options *options)
{
    if (options->gap && options->no_mbr)
        return say_usage("install takes --place gap or --no-mbr, not both");
    if (s->target.table.scheme == PART_GPT && !options->no_mbr && !options->gap)
        return say_error("Say --place gap, or --no-mbr if something else starts the partition.",
                         "%s: is a GPT disk, whose MBR starts no partition", s->device.path);
    return STATUS_OK;
}

static enum status check_backup_file(const char *path)
{
    struct stat st;
    if (path && device_check_name(path))
        return STATUS_FAILED;
    if (path && !lstat(path, &st))
        return say_error("Name a new file.", "%s: the file exists already", path);
    return STATUS_OK;
}

static enum status commit(struct session *s, const struct options *options, const struct backup *b)
{
    const char *path = s->device.path;
    unsigned long count = s->overlay.count;
    if (options->dry_run) {
        say("%s, partition %u: would write %lu sector%s", path, s->target.part->number, count,
            count == 1 ? "" : "s");
        change_list(&s->overlay);
        return STATUS_OK;
    }
    enum status status = options->backup ? backup_save(b, options->backup) : STATUS_OK;
    if (!status)
        status = change_commit(&s->device, &s->overlay, false);
    if (!status && !count)
        say("%s: everything was there already", path);
    else if (!status)
        say("%s, partition %u: installed, %lu sector%s written", path, s->target.part->number,
            count, count == 1 ? "" : "s");
    return status;
}

enum status verb_install(const struct options *options)
{
    enum status status = bootcode_check();
    if (!status)
        status = session_confirm(options);
    if (!status)
        status = check_backup_file(options->backup);
    struct session s;
    if (!status)
        status = session_open(&s, options->argument[0], options->partition);
    if (status)
        return status;
    struct backup backup = {0};
    status = check_table(&s, options);
    if (!status && !options->gap)
        status = session_check_boot_file(&s);
    if (!status)
        status = options->gap ? build_in_gap(&s, options, &backup) : build(&s, options, &backup);
    if (!status) {
        warn(&s, options);
        status = commit(&s, options, &backup);
    }
    free(backup.stage2); /* the sectors are the overlay's */
    session_close(&s);
    return status;
}
